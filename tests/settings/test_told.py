"""What is told of a configuration, and that nothing is worked out before somebody asks."""

from pathlib import Path

import pytest

from gateway.settings.locate import Lines
from tests.fakes.configuration import SECRET, SOUND, loaded
from tests.fakes.many_routes import many_routes


def test_values_and_origins_are_of_the_same_keys(tmp_path: Path) -> None:
    told = loaded(tmp_path, SOUND, environ={"GATEWAY_SESSION__LEASE": "5m"}).told
    assert list(told.written) == list(told.origins)
    assert told.written["session.lease"] == "5m"
    assert told.origins["session.lease"] == "environment GATEWAY_SESSION__LEASE"
    assert told.origins["session.max_age"] == "default"
    assert told.origins["routes[0].upstream"] == f"{tmp_path / 'gateway.toml'}:11"


def test_of_two_configurations_only_the_tables_that_differ_are_gone_through(tmp_path: Path) -> None:
    many = many_routes(20)
    before = loaded(tmp_path, many).told
    after = loaded(tmp_path, many.replace('"role-7"', '"role-8"', 1)).told
    assert (
        before.unlike(loaded(tmp_path, many).told)
        .keys()
        .isdisjoint(key for key in before.written if "[" in key or key.startswith("upstreams."))
    )
    unlike = after.unlike(before)
    assert unlike["routes[7].roles"] == ["role-8"]
    assert {key.partition("]")[0] for key in unlike if key.startswith("routes")} == {"routes[7"}


def test_a_route_that_is_in_but_one_of_them_is_told_whole(tmp_path: Path) -> None:
    more, fewer = (loaded(tmp_path, many_routes(count)).told for count in (3, 2))
    assert more.unlike(fewer)["routes[2].path"] == "/app-2"
    assert more.unlike(fewer)["upstreams.app-2.urls"] == ["http://127.0.0.1:3002"]
    assert not any(key.startswith("routes[2") for key in fewer.unlike(more))


def test_another_secret_behind_the_same_words_differs(tmp_path: Path) -> None:
    text = SOUND.replace('client_secret = "not-so-secret"', 'client_secret = { env = "CLIENT" }')
    before, after = (loaded(tmp_path, text, environ={"CLIENT": value}).told for value in ("one", "two"))
    assert "providers[0].client_secret" in after.unlike(before)
    assert SECRET not in repr(after.unlike(before))


def test_a_sound_configuration_is_loaded_without_a_search_for_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def searched(_lines: Lines, _path: object) -> int:
        pytest.fail("nobody asked where a key stands")

    monkeypatch.setattr(Lines, "of", searched)
    found = loaded(tmp_path, SOUND)
    assert found.warnings
    assert not {"origins", "written"} & set(vars(found.told))

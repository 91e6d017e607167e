"""Differences are complete, in words of the file, and hold no secret."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from gateway.settings.difference import FIXED, Change, changes, fixed_faults
from gateway.settings.loader import Loaded
from tests.fakes.configuration import PROVIDER, ROUTE, SECRET, SOUND, TOP, loaded

OTHER = "another-secret-of-more-than-32-bytes"


def pair(folder: Path, before: str, after: str) -> tuple[Loaded, Loaded]:
    return loaded(folder, before), loaded(folder, after)


def told(folder: Path, before: str, after: str) -> dict[str, tuple[str, str]]:
    return {each.key: (each.was, each.now) for each in changes(*pair(folder, before, after))}


def test_equal_configurations_do_not_differ_however_they_are_laid_out(tmp_path: Path) -> None:
    assert told(tmp_path, SOUND, "# a comment\n\n" + TOP + ROUTE + PROVIDER) == {}


def test_a_key_set_changed_and_taken_out(tmp_path: Path) -> None:
    short, long = SOUND + '[session]\nlease = "5m"\n', SOUND + '[session]\nlease = "20m"\n'
    assert told(tmp_path, SOUND, short) == {"session.lease": ('"10m"', '"5m"')}
    assert told(tmp_path, short, long) == {"session.lease": ('"5m"', '"20m"')}
    assert told(tmp_path, long, SOUND) == {"session.lease": ('"20m"', '"10m"')}


def test_a_route_more_and_a_route_less(tmp_path: Path) -> None:
    more = SOUND + '[[routes]]\npath = "/x"\nupstream = "http://127.0.0.1:4000"\naccess = "public"\n'
    added = told(tmp_path, SOUND, more)
    assert added["routes[1].path"] == ("", '"/x"')
    assert added["routes[1].access"] == ("", '"public"')
    assert told(tmp_path, more, SOUND)["routes[1].upstream"] == ('"http://127.0.0.1:4000"', "")


def test_C05_secrets_are_told_by_their_place_alone(tmp_path: Path) -> None:
    before = SOUND
    after = SOUND.replace(SECRET, OTHER).replace("not-so-secret", "still-not-so-secret")
    found = changes(*pair(tmp_path, before, after))
    assert [each.key for each in found] == ["secret", "providers[0].client_secret"]
    assert all(each.was == each.now == "******** (literal)" for each in found)
    for hidden in (SECRET, OTHER, "not-so-secret"):
        assert hidden not in repr(found)


def test_the_same_file_with_another_key_in_it_differs(tmp_path: Path) -> None:
    text = SOUND.replace(f'"{SECRET}"', '{ file = "key" }')
    (tmp_path / "key").write_text(SECRET)
    (tmp_path / "key").chmod(0o600)
    before = loaded(tmp_path, text)
    (tmp_path / "key").write_text(OTHER)
    assert changes(before, loaded(tmp_path, text)) == (
        Change(key="secret", was="******** (file key)", now="******** (file key)"),
    )


def test_a_secret_put_first_is_told(tmp_path: Path) -> None:
    rotated = SOUND.replace(f'"{SECRET}"', f'["{OTHER}", "{SECRET}"]')
    found = told(tmp_path, SOUND, rotated)
    assert set(found) == {"secret", "secret[0]", "secret[1]"}


def test_only_what_is_fixed_is_a_fault(tmp_path: Path) -> None:
    values = ('"127.0.0.1:1"', '"127.0.0.1:2"', "true", "2", "17", "18", '"sqlite:///x.db"', '"json"')
    text = "".join(f"{key} = {value}\n" for key, value in zip(FIXED, values, strict=True))
    text += 'trusted_proxies = ["10.0.0.0/8"]\n'
    free = TOP.replace("gateway.example.com", "other.example.com") + PROVIDER + ROUTE
    assert [each.key for each in fixed_faults(*pair(tmp_path, SOUND, text + SOUND))] == list(FIXED)
    assert fixed_faults(*pair(tmp_path, SOUND, free)) == ()


def test_a_fixed_key_may_be_written_another_way(tmp_path: Path) -> None:
    assert fixed_faults(*pair(tmp_path, SOUND, 'listen = "127.0.0.1:8080"\n' + SOUND)) == ()


def test_a_fixed_key_taken_out_is_a_fault_without_a_line(tmp_path: Path) -> None:
    before, after = pair(tmp_path, 'listen = "127.0.0.1:1"\n' + SOUND, SOUND)
    [fault] = fixed_faults(before, after)
    assert (fault.key, fault.file, fault.line) == ("listen", "", 0)


def test_C05_a_key_of_several_is_told_where_it_changed_and_never_shown(tmp_path: Path) -> None:
    text = SOUND + '[identity]\nassertion_keys = ["PRIVATE KEY----- {}"]\n'
    found = told(tmp_path, text.format("canary-1"), text.format("canary-2"))
    assert found == {"identity.assertion_keys[0]": ("******** (literal)", "******** (literal)")}


@given(first=st.integers(61, 10**6), second=st.integers(61, 10**6))
def test_a_difference_is_seen_from_both_sides(tmp_path_factory: object, first: int, second: int) -> None:
    folder = tmp_path_factory.mktemp("x")  # type: ignore[attr-defined]
    one, two = (f"{SOUND}[session]\nmax_age = 2592000\nlease = {each}\n" for each in (first, second))
    there, back = told(folder, one, two), told(folder, two, one)
    assert there == {key: (now, was) for key, (was, now) in back.items()}
    assert bool(there) == (first != second)

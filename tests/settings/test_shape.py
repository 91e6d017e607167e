import pytest

from gateway.settings.notation import KeyPath, render
from gateway.settings.routes import RouteSettings, RuleSettings
from gateway.settings.schema import SessionSettings, Settings
from gateway.settings.shape import field_at, homes, is_hidden, is_needed, model_at, settable
from gateway.settings.upstreams import UpstreamSettings


@pytest.mark.parametrize(
    ("path", "model"),
    [
        ((), Settings),
        (("session",), SessionSettings),
        (("routes",), None),
        (("routes", 3), RouteSettings),
        (("routes", 3, "deny"), RuleSettings),
        (("routes", 3, "path"), None),
        (("upstreams",), None),
        (("upstreams", "wiki"), UpstreamSettings),
        (("nothing", "at", "all"), None),
    ],
)
def test_each_table_of_the_schema_is_found_by_its_path(path: KeyPath, model: object) -> None:
    assert model_at(path) is model


def test_what_can_be_set_from_outside_are_the_keys_of_plain_tables() -> None:
    keys = {render(path) for path, _ in settable()}
    assert {"public_url", "secret", "session.max_age", "session.cookie.domain", "log.level"} <= keys
    assert not any(key.startswith(("routes", "providers", "upstreams")) for key in keys)


def test_secrets_are_hidden_wherever_they_stand() -> None:
    hidden = [path for path in (("secret",), ("providers", 0, "client_secret"), ("listen",)) if _hidden(path)]
    assert hidden == [("secret",), ("providers", 0, "client_secret")]


def test_a_misplaced_key_has_a_home() -> None:
    assert next(homes("max_age")) == "[session]"
    assert next(homes("issuer")) == "[[providers]]"
    assert next(homes("urls")) == "[upstreams.NAME]"
    assert list(homes("nothing")) == []


def _hidden(path: KeyPath) -> bool:
    field = field_at(path)
    return field is not None and is_hidden(field)


@pytest.mark.parametrize(
    ("key", "needed"), [("id", True), ("issuer", True), ("client_id", True), ("name", False), ("type", False)]
)
def test_what_the_usual_provider_needs_is_marked(key: str, needed: bool) -> None:
    field = field_at(("providers", 0, key))
    assert field is not None
    assert is_needed(field) is needed

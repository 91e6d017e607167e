import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.settings.notation import render
from gateway.settings.overrides import Override, from_environment, from_flags, variable
from gateway.settings.refusal import Finding
from gateway.settings.shape import settable


def overrides(**environ: str) -> dict[str, object]:
    return {render(each.path): each.value for each in from_environment(environ) if isinstance(each, Override)}


def findings(**environ: str) -> list[Finding]:
    return [each for each in from_environment(environ) if isinstance(each, Finding)]


def test_a_double_underscore_leads_into_a_table() -> None:
    assert overrides(GATEWAY_SESSION__MAX_AGE="7d", GATEWAY_SESSION__COOKIE__NAME="s") == {
        "session.max_age": "7d",
        "session.cookie.name": "s",
    }


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("GATEWAY_SESSION__LEASE", "600", 600),
        ("GATEWAY_TRUSTED_PROXIES", '["10.0.0.0/8"]', ["10.0.0.0/8"]),
        ("GATEWAY_IDENTITY__HEADERS", '{ Remote-User = "email" }', {"Remote-User": "email"}),
        ("GATEWAY_SECRET", "12345678901234567890123456789012", "12345678901234567890123456789012"),
        ("GATEWAY_SECRET", '{ env = "X" }', '{ env = "X" }'),
        ("GATEWAY_PUBLIC_URL", "true", "true"),
        ("GATEWAY_SESSION__LEASE", "1\npublic_url = 2", "1\npublic_url = 2"),
        ("GATEWAY_SESSION__LEASE", "", ""),
    ],
)
def test_text_stays_text_and_anything_else_is_read_as_toml(name: str, text: str, value: object) -> None:
    assert list(overrides(**{name: text}).values()) == [value]


@pytest.mark.parametrize(
    ("name", "suggestion"),
    [
        ("GATEWAY_SESION__LEASE", "GATEWAY_SESSION__LEASE"),
        ("GATEWAY_SESSION_MAX_AGE", "GATEWAY_SESSION__MAX_AGE"),
        ("GATEWAY_ROUTES", "set in the file"),
        ("GATEWAY_PROVIDERS__0__CLIENT_SECRET", "set in the file"),
        ("GATEWAY_SESSION", "GATEWAY_SESSION__"),
        ("GATEWAY_ZZZZZZZZZZ", "except GATEWAY_CONFIG"),
    ],
)
def test_C04_a_variable_that_is_no_key_is_a_fault_with_the_nearest_name(name: str, suggestion: str) -> None:
    (finding,) = findings(**{name: "canary"})
    assert finding.place == f"environment {name}"
    assert suggestion in finding.suggestion
    assert "canary" not in repr(finding)


def test_the_files_own_variable_and_foreign_ones_are_left_alone() -> None:
    assert not list(
        from_environment({"GATEWAY_CONFIG": "x", "PATH": "y", "GATEWAYS": "z", "gateway_listen": "a"})
    )


def test_what_kubernetes_sets_for_a_service_called_gateway_is_left_alone() -> None:
    links = {
        "GATEWAY_SERVICE_HOST": "10.0.0.1",
        "GATEWAY_SERVICE_PORT": "80",
        "GATEWAY_SERVICE_PORT_HTTP": "80",
        "GATEWAY_PORT": "tcp://10.0.0.1:80",
        "GATEWAY_PORT_80_TCP": "tcp://10.0.0.1:80",
        "GATEWAY_PORT_80_TCP_PROTO": "tcp",
        "GATEWAY_PORT_80_TCP_PORT": "80",
        "GATEWAY_PORT_80_TCP_ADDR": "10.0.0.1",
        "GATEWAY_ADMIN_SERVICE_HOST": "10.0.0.1",
    }
    assert not list(from_environment(links))
    assert findings(GATEWAY_SERVICE_HOST="my.host")


def test_flags_are_named_by_key_path() -> None:
    assert [each for each in from_flags({"session.lease": "5m"})] == [
        Override(path=("session", "lease"), value="5m", origin="flag")
    ]
    (finding,) = from_flags({"sesion.lease": "5m"})
    assert isinstance(finding, Finding)
    assert "session.lease" in finding.suggestion


@given(text=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20))
def test_any_text_of_any_key_sets_that_key_alone(text: str) -> None:
    for path, _ in settable():
        (override,) = from_environment({variable(path): text})
        assert isinstance(override, Override)
        assert override.path == path

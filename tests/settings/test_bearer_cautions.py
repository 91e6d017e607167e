from pathlib import Path

import pytest

from tests.fakes.configuration import SECRET, SOUND, loaded

QUIET = SOUND.replace(f'"{SECRET}"', '{ env = "A" }').replace('"not-so-secret"', '{ env = "A" }')
BEARER = (
    'bearer = { issuer = "https://login.example.com", audience = "https://api.example.com", '
    'claims = { a = "a" } }\n'
)
ALL = 'bearer = { issuer = "https://login.example.com", introspection = { tokens = "all" } }\n'


def warnings(tmp_path: Path, text: str) -> list[str]:
    return list(loaded(tmp_path, QUIET + text, environ={"A": SECRET}).warnings)


@pytest.mark.parametrize(
    "rule",
    ['groups = ["a"]', 'claims = { a = "b" }', 'emails = ["a@example.com"]', 'email_domains = ["a.example"]'],
)
def test_refusing_by_what_a_token_may_leave_out_is_told(tmp_path: Path, rule: str) -> None:
    (found,) = warnings(tmp_path, f"{BEARER}deny = {{ {rule} }}\n")
    assert found.startswith(f"routes[0].deny.{rule.partition(' ')[0]} ")


def test_refusing_by_what_we_know_ourselves_is_not(tmp_path: Path) -> None:
    assert warnings(tmp_path, BEARER + 'deny = { roles = ["a"], users = ["b"] }\n') == []
    assert warnings(tmp_path, 'deny = { groups = ["a"] }\n') == []


def test_a_route_without_an_audience_is_told(tmp_path: Path) -> None:
    (found,) = warnings(tmp_path, ALL)
    assert "bearer[0] names no audience" in found
    assert warnings(tmp_path, BEARER) == []

from pathlib import Path

import pytest

from tests.fakes.configuration import PROVIDER, ROUTE, SOUND, TOP, faults_by_key

BEARER = 'bearer = { issuer = "https://login.example.com", audience = "https://api.example.com" }\n'


@pytest.mark.parametrize(
    ("more", "key"),
    [
        (BEARER + 'access = "public"\n', "routes[0].bearer"),
        (BEARER + 'forward_token = "access_token"\nforward_bearer = true\n', "routes[0].forward_bearer"),
        ("forward_bearer = true\n", "routes[0].forward_bearer"),
    ],
)
def test_keys_that_contradict_bearer_are_faults(tmp_path: Path, more: str, key: str) -> None:
    assert list(faults_by_key(tmp_path, SOUND + more)) == [key]


def test_an_issuer_is_listed_once(tmp_path: Path) -> None:
    table = BEARER.removeprefix("bearer = ").strip()
    faults = faults_by_key(tmp_path, f"{SOUND}bearer = [{table}, {table}]\n")
    assert "bearer[0]" in faults["routes[0].bearer[1].issuer"]


def test_T13_an_id_token_of_our_own_never_passes_for_an_access_token(tmp_path: Path) -> None:
    ours = BEARER.replace("https://api.example.com", "gateway")
    assert faults_by_key(tmp_path, SOUND + ours) == {}
    faults = faults_by_key(tmp_path, SOUND + ours.replace(" }", ', typ = "JWT" }'))
    assert "ID token" in faults["routes[0].bearer[0].audience"]


def test_programs_need_no_provider_and_no_cookie(tmp_path: Path) -> None:
    assert faults_by_key(tmp_path, TOP + ROUTE + BEARER) == {}
    assert faults_by_key(tmp_path, TOP + PROVIDER + ROUTE + BEARER + 'host = "api.example.org"\n') == {}


def test_personal_tokens_know_no_groups_to_refuse_by(tmp_path: Path) -> None:
    keys = "personal_tokens = true\n"
    assert faults_by_key(tmp_path, SOUND + keys) == {}
    assert list(faults_by_key(tmp_path, SOUND + keys + 'access = "public"\n')) == [
        "routes[0].personal_tokens"
    ]
    keeping = SOUND.replace("[[routes]]", 'claims = { a = "a" }\n[[routes]]')
    for rule in ('groups = ["a"]', 'claims = { a = "b" }'):
        faults = faults_by_key(tmp_path, f"{keeping}{keys}deny = {{ {rule} }}\n")
        assert list(faults) == ["routes[0].personal_tokens"]

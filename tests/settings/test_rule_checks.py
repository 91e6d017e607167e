from pathlib import Path

import pytest

from tests.fakes.configuration import PROVIDER, ROUTE, SOUND, TOP, faults_by_key

KEEPING = TOP + PROVIDER + 'claims = { department = "department" }\n' + ROUTE
PASSWORDS = TOP + '[[providers]]\nid = "us"\ntype = "password"\n' + ROUTE
BEARER = 'bearer = { issuer = "https://login.example.com", audience = "x", claims = { floor = "floor" } }\n'


@pytest.mark.parametrize(("rule", "at"), [("", "claims"), ("deny.", "deny.claims")])
def test_a_rule_asks_for_no_claim_that_nobody_can_have(tmp_path: Path, rule: str, at: str) -> None:
    def found(text: str, name: str) -> dict[str, str]:
        return faults_by_key(tmp_path, f'{text}{rule}claims.{name} = "x"\n')

    assert found(SOUND, "department") == {}
    assert found(KEEPING, "department") == {}
    [(key, told)] = found(KEEPING, "departement").items()
    assert key == f"routes[0].{at}.departement"
    assert "did you mean department?" in told
    assert 'claims = { departement = "departement" } in [[providers]]' in told
    assert found(PASSWORDS + BEARER, "department") == {}
    assert list(found(PASSWORDS, "department")) == [f"routes[0].{at}.department"]


@pytest.mark.parametrize(
    ("name", "suggestion"), [("groups", "the key groups"), ("email", "the key emails"), ("name", "no rule")]
)
def test_fields_of_an_identity_are_no_claims_that_a_rule_could_hit(
    tmp_path: Path, name: str, suggestion: str
) -> None:
    [(key, told)] = faults_by_key(tmp_path, f'{SOUND}deny = {{ claims = {{ {name} = "x" }} }}\n').items()
    assert key == f"routes[0].deny.claims.{name}"
    assert suggestion in told


def test_where_only_one_route_takes_tokens_no_other_can_ask_what_they_say(tmp_path: Path) -> None:
    other = f'{ROUTE}path = "/b"\nclaims = {{ floor = "3" }}\n'
    assert list(faults_by_key(tmp_path, PASSWORDS + BEARER + other)) == ["routes[1].claims.floor"]


@pytest.mark.parametrize("rule", ['groups = ["a"]', 'deny = { groups = ["a"] }'])
def test_nobody_is_in_a_group_where_there_is_no_issuer(tmp_path: Path, rule: str) -> None:
    key = f"routes[0].{'deny.' if rule.startswith('deny') else ''}groups"
    assert list(faults_by_key(tmp_path, f"{PASSWORDS}{rule}\n")) == [key]
    assert faults_by_key(tmp_path, f"{PASSWORDS}{BEARER}{rule}\n") == {}
    assert faults_by_key(tmp_path, f"{PASSWORDS}{rule}\n{PROVIDER}") == {}
    assert list(faults_by_key(tmp_path, f"{TOP}{ROUTE}{rule}\n")) == ["routes[0].access"]
    assert faults_by_key(tmp_path, f"{SOUND}{rule}\n") == {}


@pytest.mark.parametrize(
    ("table", "key"),
    [
        ("[identity]\n", "identity"),
        ('[upstreams.wiki]\nurls = ["http://10.0.0.1"]\nidentity.', "upstreams.wiki.identity"),
        ("identity.", "routes[0].identity"),
    ],
)
def test_a_header_asks_for_no_claim_that_nobody_can_have(tmp_path: Path, table: str, key: str) -> None:
    header = 'headers = { X-Department = "claims.department" }\n'
    assert list(faults_by_key(tmp_path, PASSWORDS + table + header)) == [f"{key}.headers.X-Department"]
    near = header.replace("department", "departmen")
    assert list(faults_by_key(tmp_path, KEEPING + table + near)) == [f"{key}.headers.X-Department"]
    for text in (SOUND, KEEPING):
        assert faults_by_key(tmp_path, text + table + header) == {}


@pytest.mark.parametrize(
    ("rule", "key", "suggestion"),
    [
        ('groups = ["staff", "wiki-*"]', "groups[1]", "each out"),
        ('roles = ["*"]', "roles[0]", "each out"),
        ('emails = ["*@example.com"]', "emails[0]", "email_domains"),
        ('users = ["ann@example.com"]', "users[0]", "write emails"),
    ],
)
def test_a_value_like_nobodys_is_refused_since_a_refusal_by_it_would_refuse_nobody(
    tmp_path: Path, rule: str, key: str, suggestion: str
) -> None:
    [(found, told)] = faults_by_key(tmp_path, f"{SOUND}deny = {{ {rule} }}\n").items()
    assert found == f"routes[0].deny.{key}"
    assert suggestion in told
    assert list(faults_by_key(tmp_path, f"{SOUND}{rule}\n")) == [f"routes[0].{key}"]


def test_the_id_of_a_program_is_a_user_also_where_it_holds_an_at(tmp_path: Path) -> None:
    rule = 'users = ["bearer:https://login.example.com#abc@clients", "u_0123"]'
    assert faults_by_key(tmp_path, f"{SOUND}{rule}\n") == {}

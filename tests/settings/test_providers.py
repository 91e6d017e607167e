from pathlib import Path

import pytest

from gateway.settings.providers import KEYS_OF
from tests.fakes.configuration import SOUND, TOP, faults_by_key, loaded

BARE = '[[providers]]\nid = "a"\nissuer = "https://a.example"\nclient_id = "x"\nclient_auth = "none"\n'
ROUTE = '[[routes]]\nupstream = "http://10.0.0.1"\n'


def test_a_provider_is_called_by_its_id_unless_it_has_a_name(tmp_path: Path) -> None:
    assert loaded(tmp_path, TOP + BARE + ROUTE).settings.providers[0].name == "a"
    named = loaded(tmp_path, TOP + BARE + 'name = "A"\n' + ROUTE).settings.providers[0]
    assert named.name == "A"


def test_claims_of_ones_own_stand_beside_the_usual_ones(tmp_path: Path) -> None:
    claims = 'claims = { groups = "teams", department = "department" }\n'
    provider = loaded(tmp_path, TOP + BARE + claims + ROUTE).settings.providers[0]
    assert provider.claims == {
        "id": "sub",
        "email": "email",
        "name": "name",
        "image": "picture",
        "groups": "teams",
        "department": "department",
    }


def test_only_asymmetric_signatures_are_accepted_by_default(tmp_path: Path) -> None:
    algorithms = loaded(tmp_path, SOUND).settings.providers[0].id_token_algorithms
    assert not any(name.startswith("HS") or name == "none" for name in algorithms)


def test_C04_what_no_provider_can_be_is_refused_with_the_nearest_word(tmp_path: Path) -> None:
    text = SOUND.replace("[[routes]]", 'client_auth = "client_secret_basc"\ntrust_email = "yes"\n[[routes]]')
    found = faults_by_key(tmp_path, text)
    assert 'did you mean "client_secret_basic"?' in found["providers[0].client_auth"]
    assert "true or false" in found["providers[0].trust_email"]


def test_T02_no_signature_none_can_be_configured(tmp_path: Path) -> None:
    text = SOUND.replace("[[routes]]", 'id_token_algorithms = ["none"]\n[[routes]]')
    assert "providers[0].id_token_algorithms[0]" in faults_by_key(tmp_path, text)


LOCAL = '[[providers]]\nid = "local"\ntype = "password"\n'


def test_passwords_need_an_id_and_nothing_else(tmp_path: Path) -> None:
    (provider,) = loaded(tmp_path, TOP + LOCAL + ROUTE).settings.providers
    assert (provider.type, provider.name, provider.min_length) == ("password", "local", 12)


@pytest.mark.parametrize(("least", "sound"), [(7, False), (8, True), (128, True), (129, False)])
def test_no_password_may_be_shorter_than_8_characters(tmp_path: Path, least: int, sound: bool) -> None:
    found = faults_by_key(tmp_path, TOP + LOCAL + f"min_length = {least}\n" + ROUTE)
    assert ("providers[0].min_length" not in found) is sound


def test_each_type_has_the_keys_that_it_obeys(tmp_path: Path) -> None:
    mixed = loaded(tmp_path, TOP + BARE + LOCAL + ROUTE)
    issuer, local = mixed.settings.providers
    assert issuer.idle_keys() == {"min_length", *KEYS_OF["oauth2"]} - KEYS_OF["oidc"]
    assert "issuer" in local.idle_keys()
    told = {key.removeprefix("providers[1].") for key in mixed.written if key.startswith("providers[1].")}
    assert told == {"id", "name", "type", "min_length"}
    assert "providers[0].min_length" not in mixed.written


@pytest.mark.parametrize("path", ["a..b", ".a", 'a."b', '"a"b'])
def test_a_path_to_a_claim_is_read_when_the_file_is(tmp_path: Path, path: str) -> None:
    text = SOUND.replace("[[routes]]", f"claims = {{ groups = '{path}' }}\n[[routes]]")
    assert "no path" in faults_by_key(tmp_path, text)["providers[0].claims.groups"]
    whole = SOUND.replace(
        "[[routes]]", "claims = { groups = 'resource_access.\"wiki.app\".roles' }\n[[routes]]"
    )
    assert loaded(tmp_path, whole).settings.providers[0].claims["groups"].endswith(".roles")


def test_groups_to_keep_are_names_or_beginnings(tmp_path: Path) -> None:
    assert loaded(tmp_path, SOUND).settings.providers[0].keep_groups == ("*",)
    kept = SOUND.replace("[[routes]]", 'keep_groups = ["wiki-*", "staff"]\n[[routes]]')
    assert loaded(tmp_path, kept).settings.providers[0].keep_groups == ("wiki-*", "staff")
    for wrong in ("*-wiki", "a*b", ""):
        text = SOUND.replace("[[routes]]", f'keep_groups = ["{wrong}"]\n[[routes]]')
        assert "providers[0].keep_groups[0]" in faults_by_key(tmp_path, text)


def test_issuers_of_claims_are_addresses_of_issuers(tmp_path: Path) -> None:
    assert loaded(tmp_path, SOUND).settings.providers[0].claim_issuers == ()
    listed = SOUND.replace("[[routes]]", 'claim_issuers = ["https://agency.example"]\n[[routes]]')
    assert loaded(tmp_path, listed).settings.providers[0].claim_issuers == ("https://agency.example",)
    plain = SOUND.replace("[[routes]]", 'claim_issuers = ["http://agency.example"]\n[[routes]]')
    assert "providers[0].claim_issuers[0]" in faults_by_key(tmp_path, plain)

from pathlib import Path

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

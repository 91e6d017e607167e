from pathlib import Path

import pytest

from tests.fakes.configuration import PROVIDER, ROUTE, SOUND, TOP, faults_by_key

ISSUER = 'issuer = "https://login.example.com"'
AUDIENCE = 'audience = "https://api.example.com"'
CLIENT = 'client_id = "api", client_secret = "s"'


def bearer(*tables: str) -> str:
    return f"bearer = [{', '.join(f'{{ {each} }}' for each in tables)}]\n"


def asked(keys: str = "", *, issuer: str = ISSUER, audience: str = AUDIENCE) -> str:
    return ", ".join(filter(None, (issuer, audience, f"introspection = {{ {keys} }}")))


@pytest.mark.parametrize(
    ("keys", "key"),
    [
        ('client_secret = "s"', "client_secret"),
        ('client_auth = "client_secret_post"', "client_auth"),
        ('client_id = "api"', "client_secret"),
        ('client_id = "api", client_auth = "private_key_jwt"', "keys"),
        ('client_id = "api", client_auth = "tls_client_auth"', "tls.client_cert"),
        (CLIENT + ', client_auth = "tls_client_auth"', "tls.client_cert"),
        (CLIENT + ', client_auth = "client_secret_jwt"', "client_secret"),
        (CLIENT + ', client_auth = "private_key_jwt"', "client_secret"),
    ],
)
def test_who_we_are_is_told_whole_or_not_at_all(tmp_path: Path, keys: str, key: str) -> None:
    faults = faults_by_key(tmp_path, SOUND + bearer(asked(keys)))
    assert f"routes[0].bearer[0].introspection.{key}" in faults, faults


def test_without_a_provider_of_the_issuer_that_proves_anything_a_client_is_needed(tmp_path: Path) -> None:
    key = "routes[0].bearer[0].introspection.client_id"
    assert list(faults_by_key(tmp_path, TOP + ROUTE + bearer(asked()))) == [key]
    public = PROVIDER.replace('client_secret = "not-so-secret"', 'client_auth = "none"')
    assert list(faults_by_key(tmp_path, TOP + public + ROUTE + bearer(asked()))) == [key]
    assert faults_by_key(tmp_path, TOP + ROUTE + bearer(asked(CLIENT))) == {}


def test_T13_an_audience_is_needed_where_a_jwt_is_verified_by_keys(tmp_path: Path) -> None:
    for keys in ("", 'tokens = "opaque"'):
        faults = faults_by_key(tmp_path, SOUND + bearer(asked(keys, audience="")))
        assert list(faults) == ["routes[0].bearer[0].audience"]
    assert faults_by_key(tmp_path, SOUND + bearer(asked('tokens = "all"', audience=""))) == {}


def test_one_issuer_of_a_route_is_asked_for_nothing_says_whose_a_token_is(tmp_path: Path) -> None:
    other = asked(CLIENT, issuer='issuer = "https://other.example.com"')
    faults = faults_by_key(tmp_path, SOUND + bearer(asked(), other))
    assert list(faults) == ["routes[0].bearer[1].introspection"]
    by_keys = 'issuer = "https://other.example.com", audience = "a"'
    assert faults_by_key(tmp_path, SOUND + bearer(by_keys, asked())) == {}


def test_a_client_proves_who_it_is_in_one_way(tmp_path: Path) -> None:
    second = '[[routes]]\nupstream = "http://127.0.0.1:3000"\npath = "/api"\n'
    text = SOUND + bearer(asked(CLIENT)) + second
    assert faults_by_key(tmp_path, text + bearer(asked(CLIENT))) == {}
    faults = faults_by_key(tmp_path, text + bearer(asked(CLIENT.replace('"s"', '"t"'))))
    assert list(faults) == ["routes[1].bearer[0].introspection.client_id"]


@pytest.fixture
def keys(tmp_path: Path) -> str:
    """Return `keys` of which one signs and one opens."""
    key = tmp_path / "key.pem"
    key.write_text("-----BEGIN PRIVATE KEY-----\n")
    key.chmod(0o600)
    return 'keys = [{ key = { file = "key.pem" } }, { key = { file = "key.pem" }, use = "enc" }]'


@pytest.mark.parametrize("form", ["", 'format = "signed", '])
def test_where_answers_are_not_encrypted_a_key_for_that_opens_nothing(
    tmp_path: Path, keys: str, form: str
) -> None:
    by_key = f'{form}client_id = "api", client_auth = "private_key_jwt", {keys}'
    faults = faults_by_key(tmp_path, SOUND + bearer(asked(by_key)))
    assert list(faults) == ["routes[0].bearer[0].introspection.keys"]


def test_encrypted_answers_need_a_key_and_a_cipher_that_open_them(tmp_path: Path, keys: str) -> None:
    place = "routes[0].bearer[0].introspection"
    by_key = f'format = "encrypted", client_id = "api", client_auth = "private_key_jwt", {keys}'
    assert faults_by_key(tmp_path, SOUND + bearer(asked(by_key))) == {}
    no_cipher = f"{by_key}, content_encryption = []"
    assert list(faults_by_key(tmp_path, SOUND + bearer(asked(no_cipher)))) == [f"{place}.content_encryption"]
    no_key = f'format = "encrypted", {CLIENT}'
    assert list(faults_by_key(tmp_path, SOUND + bearer(asked(no_key)))) == [f"{place}.keys"]


def test_a_provider_s_own_key_opens_answers_where_it_has_one(tmp_path: Path, keys: str) -> None:
    text = bearer(asked('format = "encrypted"'))
    [key] = faults_by_key(tmp_path, SOUND + text)
    assert key == "routes[0].bearer[0].introspection.format"
    opens = f"{PROVIDER}encrypted_id_tokens = true\nkeys = [{keys[keys.index(', {') + 2 :]}\n"
    assert faults_by_key(tmp_path, TOP + opens + ROUTE + text) == {}

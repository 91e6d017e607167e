from pathlib import Path

import pytest

from tests.fakes.client_keys import pem
from tests.fakes.configuration import ROUTE, TOP, faults_by_key

PROVIDER = '\n[[providers]]\nid = "a"\nissuer = "https://a.example"\nclient_id = "x"\n'
SECRET = 'client_secret = "a secret of thirty-two bytes, or so"\n'


def key(kid: str = "") -> str:
    named = f'kid = "{kid}"\n' if kid else ""
    return f'[[providers.keys]]\nkey = """{pem()}"""\n{named}'


@pytest.mark.parametrize(
    ("provider", "key_path", "told"),
    [
        ('client_auth = "private_key_jwt"\n', "keys", "is needed"),
        (SECRET + key(), "keys", "sign nothing"),
        (SECRET + 'client_auth = "private_key_jwt"\n' + key(), "client_secret", "never used"),
        ('client_auth = "private_key_jwt"\n' + key("a") + key("a"), "keys", "twice"),
        ('client_auth = "client_secret_jwt"\nclient_secret = "short"\n', "client_secret", "32 bytes"),
        ('client_auth = "client_secret_jwt"\n', "client_secret", "is needed"),
        (SECRET + "signed_requests = true\n", "keys", "is needed"),
        (SECRET + "encrypted_id_tokens = true\n", "keys", 'use = "enc"'),
        (SECRET + 'userinfo_format = "encrypted"\n', "keys", 'use = "enc"'),
        (SECRET + key() + 'use = "enc"\n', "keys", "open nothing"),
        (SECRET + "content_encryption = []\n", "content_encryption", "empty"),
        (SECRET + 'trusted_audiences = ["x"]\n', "trusted_audiences", "not client_id"),
        (SECRET + 'trusted_audiences = ["y", "y"]\n', "trusted_audiences", "each audience once"),
        ('client_auth = "tls_client_auth"\n', "tls.client_cert", "is needed"),
        (SECRET + 'tls = { client_key = "gateway.toml" }\n', "tls.client_key", "no use"),
    ],
)
def test_C04_what_contradicts_the_client_authentication_is_refused(
    tmp_path: Path, provider: str, key_path: str, told: str
) -> None:
    found = faults_by_key(tmp_path, TOP + PROVIDER + provider + ROUTE)
    assert list(found) == [f"providers[0].{key_path}"]
    assert told in found[f"providers[0].{key_path}"]


@pytest.mark.parametrize(
    "provider",
    [
        'client_auth = "private_key_jwt"\n' + key("a") + key("b"),
        SECRET + 'trusted_audiences = ["y", "z"]\n',
        'client_auth = "client_secret_jwt"\n' + SECRET,
        'client_auth = "private_key_jwt"\nid_token_algorithms = ["HS256"]\n' + SECRET + key(),
    ],
)
def test_what_fits_together_loads(tmp_path: Path, provider: str) -> None:
    assert faults_by_key(tmp_path, TOP + PROVIDER + provider + ROUTE) == {}

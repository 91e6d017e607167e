"""Hardened logins at an issuer that nobody here wrote: npm `oidc-provider`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.relying_party.client_keys import ClientKey, public_set
from tests.fakes.client_keys import pem
from tests.fakes.foreign_issuer import CLIENT_SECRET, foreign_issuer
from tests.fakes.gateway import HOST, running_gateway
from tests.fakes.issuer import ec_key
from tests.fakes.scene import told
from tests.fakes.upstream import RecordingUpstream

CALLBACK = f"https://{HOST}/.gateway/callback/foreign"
PROVIDER = """
[[providers]]
id = "foreign"
issuer = "{url}"
client_id = "gateway"
"""
SECRET = f'client_secret = "{CLIENT_SECRET}"\n'
KEYED = f'client_auth = "private_key_jwt"\nkeys = [{{ key = """{pem()}""" }}]\n'
BY_KEY = {"token_endpoint_auth_method": "private_key_jwt", "jwks": public_set([ClientKey(pem=pem())])}
PUSHED = {"pushedAuthorizationRequests": {"enabled": True, "requirePushedAuthorizationRequests": True}}
PROVEN = {"dPoP": {"enabled": True}}
SIGNED: dict[str, Any] = {
    "client": {**BY_KEY, "request_object_signing_alg": "ES256", "require_signed_request_object": True},
    "features": {"requestObjects": {"enabled": True}},
}
BOUND = {**SIGNED["client"], "dpop_bound_access_tokens": True}
OPENS = ClientKey(pem=pem(), use="enc")
ENCRYPTED = {
    "client": {
        "jwks": public_set([OPENS]),
        "id_token_encrypted_response_alg": OPENS.algorithm,
        "id_token_encrypted_response_enc": "A256GCM",
        "userinfo_signed_response_alg": "RS256",
        "userinfo_encrypted_response_alg": OPENS.algorithm,
    },
    "features": {"encryption": {"enabled": True}, "jwtUserinfo": {"enabled": True}},
    "more": {
        "enabledJWA": {
            "idTokenEncryptionAlgValues": [OPENS.algorithm],
            "userinfoEncryptionAlgValues": [OPENS.algorithm],
        }
    },
}
JARM = {"features": {"jwtResponseModes": {"enabled": True}}}


async def sign_in(folder: Path, keys: str, more: dict[str, Any]) -> dict[str, Any]:
    """Return what the app is told once alice has signed in."""
    async with foreign_issuer(CALLBACK, more=more) as issuer, RecordingUpstream() as app:
        tables = PROVIDER.format(url=issuer.url) + keys
        async with running_gateway(folder, upstream=app.url, tables=tables) as gateway:
            alice = gateway.browser()
            alice.places[issuer.url] = issuer.port
            page = await issuer.sign_in(alice, await alice.navigate(f"{gateway.url}/app"), "alice")
            if "form_post" in keys:
                page = await issuer.send_back(alice, page)
            assert (page.status, page.url) == (200, f"{gateway.url}/app"), page.text + gateway.log
            return told(app.requests[-1])


@pytest.mark.parametrize(
    ("keys", "more"),
    [
        pytest.param(
            SECRET + 'client_auth = "client_secret_jwt"\n',
            {"client": {"token_endpoint_auth_method": "client_secret_jwt"}},
            id="client_secret_jwt",
        ),
        pytest.param(KEYED, {"client": BY_KEY}, id="private_key_jwt"),
        pytest.param(SECRET + 'response_mode = "form_post"\n', {}, id="form_post"),
        pytest.param(SECRET, {"features": PUSHED}, id="pushed"),
        pytest.param(KEYED, {"client": BY_KEY, "features": PUSHED}, id="pushed with a key"),
        pytest.param(KEYED + "signed_requests = true\n", SIGNED, id="signed"),
        pytest.param(
            KEYED + 'signed_requests = true\npushed_requests = "always"\ndpop = true\n',
            {"client": BOUND, "features": {**PUSHED, **SIGNED["features"], **PROVEN}},
            id="pushed, signed and bound",
        ),
        pytest.param(
            SECRET + "dpop = true\n",
            {"client": {"dpop_bound_access_tokens": True}, "features": PROVEN},
            id="bound",
        ),
        pytest.param(
            SECRET
            + f"""keys = [{{ key = \"\"\"{pem()}\"\"\", use = "enc" }}]
encrypted_id_tokens = true
userinfo_format = "encrypted"
""",
            ENCRYPTED,
            id="encrypted",
        ),
        pytest.param(
            KEYED + 'profile = "fapi2"\n',
            {
                "client": {
                    **BY_KEY,
                    "dpop_bound_access_tokens": True,
                    "id_token_signed_response_alg": "ES256",
                    "require_pushed_authorization_requests": True,
                },
                "features": {**PUSHED, **PROVEN},
                "more": {
                    "jwks": {"keys": [ec_key("fapi2").as_dict(private=True)]},
                    "enabledJWA": {"idTokenSigningAlgValues": ["ES256"]},
                },
            },
            id="fapi2",
        ),
        pytest.param(SECRET + 'response_mode = "query.jwt"\n', JARM, id="query.jwt"),
        pytest.param(SECRET + 'response_mode = "form_post.jwt"\n', JARM, id="form_post.jwt"),
    ],
)
async def test_a_login_that_a_certified_issuer_takes(
    tmp_path: Path, needs: Callable[[str], str], keys: str, more: dict[str, Any]
) -> None:
    needs("node")
    assert (await sign_in(tmp_path, keys, more))["email"] == "alice@example.com"

from base64 import b64decode, urlsafe_b64decode
from typing import Any

import pytest
from aiohttp import web

from gateway.relying_party.client_auth import authentication
from gateway.relying_party.client_keys import ClientKey, public_set
from tests.fakes.asserted_client import AssertedClientIssuer
from tests.fakes.client_keys import pem
from tests.fakes.issuer import HostileIssuer
from tests.fakes.login import NOON, at, registration


def test_basic_form_encodes_id_and_secret_first() -> None:
    headers, form = authentication(registration(client_id="a:b", client_secret="c d:%é"), now=NOON)
    kind, _, pair = headers["Authorization"].partition(" ")
    assert (kind, b64decode(pair)) == ("Basic", b"a%3Ab:c+d%3A%25%C3%A9")
    assert form == []


def test_post_sends_both_in_the_form_and_none_in_a_header() -> None:
    headers, form = authentication(
        registration(client_auth="client_secret_post", client_secret="s"), now=NOON
    )
    assert headers == {}
    assert form == [("client_id", "gateway"), ("client_secret", "s")]


def test_a_public_client_sends_its_id_alone() -> None:
    assert authentication(registration(client_auth="none", client_secret=None), now=NOON) == (
        {},
        [("client_id", "gateway")],
    )


def test_a_key_that_signs_requests_signs_no_assertion_of_the_secret() -> None:
    settings: dict[str, Any] = {
        "client_auth": "client_secret_jwt",
        "client_secret": "s" * 32,
        "keys": (ClientKey(pem=pem()),),
    }
    form = dict(authentication(registration(**settings, signs_requests=True), now=NOON)[1])
    head = form["client_assertion"].partition(".")[0]
    assert b'"HS256"' in urlsafe_b64decode(head + "=" * (-len(head) % 4))


@pytest.mark.parametrize("client_auth", ["client_secret_basic", "client_secret_post", "none"])
async def test_an_issuer_accepts_each_method(client_auth: str) -> None:
    secret = "" if client_auth == "none" else "s p:é%+"
    async with HostileIssuer(client_secret=secret) as issuer, at(issuer, client_auth=client_auth) as login:
        assert await login.run()


ASSERTING: list[dict[str, Any]] = [
    {"client_auth": "client_secret_jwt"},
    *(
        {
            "client_auth": "private_key_jwt",
            "client_secret": None,
            "keys": (ClientKey(pem=pem(kind), algorithm=algorithm),),
        }
        for kind, algorithm in [("P-256", ""), ("Ed25519", ""), ("RSA2048", "RS256"), ("RSA2048", "")]
    ),
]


@pytest.mark.parametrize("settings", ASSERTING)
async def test_O33_an_assertion_is_for_the_issuer_alone_and_good_for_a_minute(
    settings: dict[str, Any],
) -> None:
    async with AssertedClientIssuer() as issuer, at(issuer, **settings) as login:
        issuer.keys = public_set(settings["keys"]) if "keys" in settings else None
        assert await login.run()
        assert await login.run()
        first, second = issuer.assertions
        assert first["aud"] == issuer.url, "one string, the issuer identifier"
        assert (first["iss"], first["sub"]) == ("gateway", "gateway")
        assert (first["iat"], first["exp"]) == (int(NOON), int(NOON) + 60)
        assert first["jti"] != second["jti"]


async def test_O33_an_assertion_for_another_name_of_the_issuer_is_for_that_name_alone() -> None:
    class ByEndpoint(AssertedClientIssuer):
        def _is_client(self, request: web.Request, form: dict) -> bool:  # type: ignore[type-arg]
            super()._is_client(request, form)
            return self.assertions[-1]["aud"] == f"{self.url}/api/token"

        def metadata(self) -> dict[str, object]:
            return {**super().metadata(), "token_endpoint": f"{self.url}/token?aud=https://honest.example"}

    settings = ASSERTING[1]
    async with ByEndpoint() as issuer:
        issuer.keys = public_set(settings["keys"])
        async with at(issuer, **settings, assertion_audience=f"{issuer.url}/api/token") as login:
            assert await login.run()


async def test_O33_metadata_that_names_an_audience_of_its_own_moves_no_assertion() -> None:
    class Injecting(AssertedClientIssuer):
        def metadata(self) -> dict[str, object]:
            # The token endpoint, of an honest issuer elsewhere, would be the audience of old.
            return {**super().metadata(), "token_endpoint": f"{self.url}/token?aud=https://honest.example"}

    settings = ASSERTING[1]
    async with Injecting() as issuer, at(issuer, **settings) as login:
        issuer.keys = public_set(settings["keys"])
        assert await login.run()
        assert [each["aud"] for each in issuer.assertions] == [issuer.url]


async def test_the_first_key_signs_and_names_itself() -> None:
    keys = (ClientKey(pem=pem("P-384"), kid="new"), ClientKey(pem=pem(), kid="old"))
    settings = {"client_auth": "private_key_jwt", "client_secret": None, "keys": keys}
    async with AssertedClientIssuer() as issuer, at(issuer, **settings) as login:
        issuer.keys = public_set(keys)
        assert await login.run()
        assert issuer.heads == [{"alg": "ES384", "kid": "new", "typ": "JWT"}]

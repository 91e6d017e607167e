from base64 import b64decode

import pytest

from gateway.relying_party.client_auth import authentication
from tests.fakes.issuer import HostileIssuer
from tests.fakes.login import at, registration


def test_basic_form_encodes_id_and_secret_first() -> None:
    headers, form = authentication(registration(client_id="a:b", client_secret="c d:%é"))
    kind, _, pair = headers["Authorization"].partition(" ")
    assert (kind, b64decode(pair)) == ("Basic", b"a%3Ab:c+d%3A%25%C3%A9")
    assert form == []


def test_post_sends_both_in_the_form_and_none_in_a_header() -> None:
    headers, form = authentication(registration(client_auth="client_secret_post", client_secret="s"))
    assert headers == {}
    assert form == [("client_id", "gateway"), ("client_secret", "s")]


def test_a_public_client_sends_its_id_alone() -> None:
    assert authentication(registration(client_auth="none", client_secret=None)) == (
        {},
        [("client_id", "gateway")],
    )


@pytest.mark.parametrize("client_auth", ["client_secret_basic", "client_secret_post", "none"])
async def test_an_issuer_accepts_each_method(client_auth: str) -> None:
    secret = "" if client_auth == "none" else "s p:é%+"
    async with HostileIssuer(client_secret=secret) as issuer, at(issuer, client_auth=client_auth) as login:
        assert await login.run()

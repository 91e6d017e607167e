from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import LoginFailed, LogoutRefused
from gateway.relying_party.client_keys import ClientKey
from gateway.relying_party.decryption import opened, signed_logout_token
from tests.fakes.client_keys import pem
from tests.fakes.encrypting import ENCRYPTION_FAULTS, EncryptingIssuer
from tests.fakes.issuer import ABSENT, rsa_key
from tests.fakes.login import Login, at, registration

KEY = ClientKey(pem=pem(), use="enc")
REGISTERED = registration(encrypted_id_tokens=True, keys=(KEY,))


@asynccontextmanager
async def at_issuer(key: ClientKey = KEY, **settings: Any) -> AsyncIterator[tuple[EncryptingIssuer, Login]]:
    settled = {"encrypted_id_tokens": True, "keys": (key,), **settings}
    async with EncryptingIssuer() as issuer, at(issuer, **settled) as login:
        issuer.to = key
        yield issuer, login


@pytest.mark.parametrize(
    ("kind", "algorithm"),
    [
        ("RSA2048", "RSA-OAEP-256"),
        ("P-256", "ECDH-ES+A256KW"),
        ("P-384", "ECDH-ES"),
        ("P-521", "ECDH-ES+A128KW"),
        ("X25519", "ECDH-ES+A256KW"),
    ],
)
@pytest.mark.parametrize("enc", ["A256GCM", "A128CBC-HS256"])
async def test_an_id_token_opens_with_our_key_and_is_then_held_as_any(
    kind: str, algorithm: str, enc: str
) -> None:
    key = ClientKey(pem=pem(kind), use="enc", algorithm=algorithm)
    async with at_issuer(key) as (issuer, login):
        issuer.enc = enc
        assert await login.run()
        issuer.fault = "wrong_nonce"
        with pytest.raises(LoginFailed, match="nonce"):
            await login.run()


@pytest.mark.parametrize("fault", ENCRYPTION_FAULTS)
async def test_T14_T15_T16_what_is_not_one_signed_token_encrypted_as_configured_is_refused(
    fault: str,
) -> None:
    async with at_issuer() as (issuer, login):
        issuer.foreign = ClientKey(pem=ClientKey(pem=pem("P-384")).pem, use="enc")
        issuer.encryption_faults = {fault}
        why = "compressed" if fault in ("zip", "crit") else None  # before anything is opened
        with pytest.raises(LoginFailed, match=why):
            await login.run()


async def test_T14_an_encrypted_token_that_nobody_asked_for_is_refused() -> None:
    async with at_issuer(encrypted_id_tokens=False, keys=()) as (_, login):
        with pytest.raises(LoginFailed, match="compact JWS"):
            await login.run()


async def test_a_key_before_the_newest_still_opens() -> None:
    old, new = ClientKey(pem=pem("P-384"), use="enc"), KEY
    async with at_issuer(old, keys=(new, old)) as (_, login):
        assert await login.run()


@pytest.mark.parametrize("form", ["signed", "encrypted"])
async def test_O29_userinfo_is_signed_for_us_by_the_issuer(form: str) -> None:
    async with at_issuer(userinfo_format=form) as (issuer, login):
        issuer.userinfo_format = form
        assert (await login.run()).email == "alice@example.com"
        changes: list[dict[str, object]] = [
            {"iss": ABSENT},
            {"iss": "https://other.example"},
            {"aud": ABSENT},
            {"aud": "another"},
            {"aud": ["gateway", "another"]},
            {"sub": "somebody else"},
        ]
        for changed in changes:
            issuer.userinfo_claims = changed
            with pytest.raises(LoginFailed, match="userinfo"):
                await login.run()


@pytest.mark.parametrize("form", ["signed", "encrypted"])
async def test_O29_T01_userinfo_that_somebody_else_signed_or_that_says_it_is_no_jwt_is_refused(
    form: str,
) -> None:
    async with at_issuer(userinfo_format=form) as (issuer, login):
        issuer.userinfo_format = form
        issuer.userinfo_key = rsa_key("foreign")
        with pytest.raises(LoginFailed, match="signed by no key"):
            await login.run()
        issuer.userinfo_key, issuer.userinfo_kind = None, "application/json"
        with pytest.raises(LoginFailed, match="not a JWT"):
            await login.run()


@pytest.mark.parametrize(
    ("wanted", "came"),
    [
        ("json", "signed"),
        ("signed", "json"),
        ("encrypted", "json"),
        ("encrypted", "signed"),
        ("signed", "encrypted"),
    ],
)
async def test_O29_userinfo_in_another_form_than_configured_is_refused(wanted: str, came: str) -> None:
    async with at_issuer(userinfo_format=wanted) as (issuer, login):
        issuer.userinfo_format = came
        with pytest.raises(LoginFailed, match="userinfo"):
            await login.run()


@given(st.text(alphabet="AZaz09-_.=", max_size=200) | st.text(max_size=50))
def test_whatever_comes_is_a_token_or_a_refusal(raw: str) -> None:
    with pytest.raises(LoginFailed):
        opened(raw, REGISTERED)


def test_a_logout_token_may_come_plain_and_is_refused_where_it_does_not_open() -> None:
    assert signed_logout_token("a.b.c", REGISTERED) == "a.b.c"
    with pytest.raises(LogoutRefused):
        signed_logout_token("a.b.c.d.e", REGISTERED)
    assert signed_logout_token("a.b.c.d.e", registration()) == "a.b.c.d.e"

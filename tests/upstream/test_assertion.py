"""The assertion says who is calling, to one audience, for a minute."""

import hashlib
import json
from dataclasses import replace

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from gateway.errors import IdentityUnrepresentable
from gateway.keys.keyring import KeyRing
from gateway.upstream.assertion import Assertions
from tests.fakes.clock import FakeClock
from tests.fakes.dressing import PUBLIC_URL, session

KEYS = KeyRing((b"k" * 32,), scope=PUBLIC_URL).signing_keys()
OTHER_KEYS = KeyRing((b"o" * 32,), scope=PUBLIC_URL).signing_keys()


class Rotating:
    """Signing keys of which another one becomes current."""

    def __init__(self) -> None:
        self.current = KEYS.current


def assertions(clock: FakeClock, signing: object = KEYS) -> Assertions:
    return Assertions(signing, issuer=PUBLIC_URL, clock=clock)  # type: ignore[arg-type]


def opened(assertion: bytes) -> jwt.Token:
    return jwt.decode(assertion.decode(), KeySet.import_key_set(KEYS.jwks()), algorithms=["ES256"])  # type: ignore[arg-type]


def test_it_verifies_with_the_published_keys_and_says_what_is_known() -> None:
    clock = FakeClock(1_800_000_000.7)
    told = session(acr="urn:mfa", amr=("pwd", "otp"), name="Zoé")
    token = opened(assertions(clock).about(told, "wiki").assertion)
    assert token.header == {"alg": "ES256", "kid": KEYS.current.kid, "typ": "JWT"}
    jti = token.claims.pop("jti")
    sid = token.claims.pop("sid")
    assert len(jti) == 22
    assert sid == hashlib.sha256(b"sid-1").hexdigest()[:32]
    assert "sid-1" not in json.dumps(token.claims)
    assert token.claims == {
        "iss": PUBLIC_URL, "aud": "wiki", "sub": "u-1", "iat": 1_800_000_000, "exp": 1_800_000_060,
        "email": "ann@example.com", "name": "Zoé", "roles": ["admin", "editor"], "groups": ["staff"],
        "idp": "demo", "auth_time": 1_799_999_000, "acr": "urn:mfa", "amr": ["pwd", "otp"],
    }  # fmt: skip


def test_what_is_not_known_is_not_said() -> None:
    claims = opened(assertions(FakeClock()).about(session(email=None, name=None), "wiki").assertion).claims
    assert not {"email", "name", "acr", "amr"} & claims.keys()


def test_B63_it_is_used_again_for_half_its_life() -> None:
    clock = FakeClock()
    signer = assertions(clock)
    first = signer.about(session(), "wiki").assertion
    clock.advance(30)
    assert signer.about(session(), "wiki").assertion == first
    clock.advance(0.1)
    second = signer.about(session(), "wiki").assertion
    assert second != first
    assert opened(second).claims["exp"] == int(clock.now) + 60


def test_B63_a_clock_that_jumps_back_makes_a_new_one() -> None:
    clock = FakeClock()
    signer = assertions(clock)
    first = signer.about(session(), "wiki").assertion
    clock.advance(-5)
    assert signer.about(session(), "wiki").assertion != first


@pytest.mark.parametrize(
    "other",
    [
        session(roles=("editor",)),
        session(groups=()),
        session(email="bea@example.com"),
        session(user_id="u-2"),
        session(acr="urn:mfa"),
        session(authenticated_at=1),
        session(id="sid-2"),
        session(token_id="jti-2"),
    ],
)
def test_B63_never_for_another_session_or_claim(other: object) -> None:
    signer = assertions(FakeClock())
    first = signer.about(session(), "wiki").assertion
    assert signer.about(other, "wiki").assertion != first  # type: ignore[arg-type]


def test_B63_never_for_another_audience_or_key() -> None:
    rotating = Rotating()
    signer = assertions(FakeClock(), rotating)
    first = signer.about(session(), "wiki").assertion
    assert opened(signer.about(session(), "shop").assertion).claims["aud"] == "shop"
    rotating.current = OTHER_KEYS.current
    assert signer.about(session(), "wiki").assertion != first


def test_I10_a_lone_surrogate_stops_the_request() -> None:
    with pytest.raises(IdentityUnrepresentable):
        assertions(FakeClock()).about(session(name="admin\ud800"), "wiki")


def test_an_assertion_lasts_for_30_s_and_while_its_key_signs() -> None:
    clock = FakeClock()
    signer = assertions(clock)
    held = signer.about(session(), "wiki")
    clock.advance(30)
    assert signer.lasts(held)
    clock.advance(1)
    assert not signer.lasts(held)
    clock.advance(-32)
    assert not signer.lasts(held)


def test_I12_an_assertion_over_16_kib_stops_the_request() -> None:
    with pytest.raises(IdentityUnrepresentable):
        assertions(FakeClock()).about(session(groups=("g" * 16_384,)), "wiki")


def test_B63_every_assertion_has_an_id_of_its_own() -> None:
    made = [assertions(FakeClock()).about(session(), "wiki").assertion for _ in range(3)]
    assert len({opened(each).claims["jti"] for each in made}) == 3


def test_I12_an_assertion_of_16_kib_goes_and_a_byte_more_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    length = len(assertions(FakeClock()).about(session(), "wiki").assertion)
    monkeypatch.setattr("gateway.upstream.assertion.ASSERTION_LIMIT", length)
    assert len(assertions(FakeClock()).about(session(), "wiki").assertion) == length
    monkeypatch.setattr("gateway.upstream.assertion.ASSERTION_LIMIT", length - 1)
    with pytest.raises(IdentityUnrepresentable):
        assertions(FakeClock()).about(session(), "wiki")


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.upstream.assertion._KEPT", 3)
    signer = assertions(FakeClock())
    tokens = [replace(session(), token_id=str(number)) for number in range(5)]
    made = [signer.about(token, "wiki").assertion for token in tokens]
    assert len(signer._held) == 3
    assert signer.about(tokens[4], "wiki").assertion == made[4]
    assert signer.about(tokens[0], "wiki").assertion != made[0]


def test_B101_auth_time_is_when_they_proved_it_where_that_is_known() -> None:
    signer = assertions(FakeClock())
    known = session(proved_at=1_799_000_000, acr="mfa", amr=("hwk",))
    claims = opened(signer.about(known, "wiki").assertion).claims
    assert (claims["auth_time"], claims["acr"], claims["amr"]) == (1_799_000_000, "mfa", ["hwk"])
    untold = opened(signer.about(session(), "wiki").assertion).claims
    assert untold["auth_time"] == session().authenticated_at

"""A logout token is obeyed only if every check passes (Back-Channel Logout 2.6, rule S17)."""

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import LogoutRefused
from gateway.relying_party.jwks import PublishedKeys, read_key
from gateway.relying_party.logout_token import EVENT, FRESH, Expectation, LogoutNotice, verify
from tests.fakes.issuer import b64, ec_key, public_key_as_secret, rsa_key, sign
from tests.fakes.login import NOON, Hands

ISSUER = "https://issuer.example"
EXPECTED = Expectation(issuer=ISSUER, client_id="gateway", algorithms=("RS256", "ES256"), now=NOON)
Claims = dict[str, Any]


def claims(**changes: Any) -> Claims:
    said = {
        "iss": ISSUER,
        "aud": "gateway",
        "iat": NOON,
        "exp": NOON + 120,
        "jti": "notice-1",
        "events": {EVENT: {}},
        "sub": "ann-1",
        "sid": "op-1",
        **changes,
    }
    return {name: value for name, value in said.items() if value is not ...}


def token(said: Claims, **header: Any) -> str:
    head = {"alg": "ES256", "kid": "ec-1", "typ": "logout+jwt", **header}
    head = {name: value for name, value in head.items() if value is not ...}
    return sign(head, json.dumps(said).encode(), ec_key("ec-1"), algorithm="ES256")


class Published:
    async def current(self) -> PublishedKeys:
        key = read_key(dict(ec_key("ec-1").as_dict(private=False)))
        return PublishedKeys(keys=(key,) if key else (), clock=Hands())

    async def newer(self, *, than: PublishedKeys) -> PublishedKeys:
        return than


async def obeyed(raw: str) -> LogoutNotice:
    return await verify(raw, expectation=EXPECTED, keys=Published())


@pytest.mark.parametrize("typ", ["logout+jwt", "application/logout+jwt", "JWT", ...])
async def test_B116_a_whole_token_says_whose_session_ends(typ: Any) -> None:
    assert await obeyed(token(claims(), typ=typ)) == LogoutNotice(
        issuer=ISSUER, id="notice-1", sid="op-1", subject="ann-1"
    )


@pytest.mark.parametrize("missing", ["sid", "sub", "exp"])
async def test_B116_sid_alone_sub_alone_and_no_exp_will_do(missing: str) -> None:
    await obeyed(token(claims(**{missing: ...})))


@pytest.mark.parametrize("aud", ["gateway", ["gateway"]])
async def test_B116_the_audience_is_us(aud: Any) -> None:
    await obeyed(token(claims(aud=aud)))


@pytest.mark.parametrize(
    "moment", [{"exp": NOON - 29}, {"nbf": NOON + 60}, {"iat": NOON + 60}, {"iat": NOON - FRESH}]
)
async def test_B116_clocks_may_differ_by_as_much_as_for_id_tokens(moment: Claims) -> None:
    await obeyed(token(claims(**moment)))


REFUSED: dict[str, Claims] = {
    "S17 no iss": {"iss": ...},
    "S17 another iss": {"iss": "https://other.example"},
    "S17 iss with a slash": {"iss": ISSUER + "/"},
    "S17 no aud": {"aud": ...},
    "S17 another aud": {"aud": "another"},
    "S17 more than us": {"aud": ["gateway", "another"]},
    "S17 an empty aud": {"aud": []},
    "S17 no iat": {"iat": ...},
    "S17 an old iat": {"iat": NOON - FRESH - 1},
    "S17 an iat ahead": {"iat": NOON + 61},
    "S17 an iat in words": {"iat": str(NOON)},
    "S17 expired": {"exp": NOON - 30},
    "S17 an exp in words": {"exp": "soon"},
    "S17 not valid yet": {"nbf": NOON + 61},
    "S17 no jti": {"jti": ...},
    "S17 an empty jti": {"jti": ""},
    "S17 a jti that is a number": {"jti": 7},
    "S17 a jti of 3 KB": {"jti": "j" * 3000},
    "S17 no events": {"events": ...},
    "S17 events as a list": {"events": [EVENT]},
    "S17 another event": {"events": {"https://other.example/event": {}}},
    "S17 an event that is no object": {"events": {EVENT: True}},
    "S17 a nonce": {"nonce": "n"},
    "S17 a nonce of nothing": {"nonce": None},
    "S17 neither sid nor sub": {"sid": ..., "sub": ...},
    "S17 a sid that is a number": {"sid": 1},
    "S17 an empty sid": {"sid": ""},
    "S17 an empty sub": {"sub": ""},
    "S17 a long sub": {"sub": "s" * 256},
    "S17 a sub beside the sid that is none": {"sub": ["ann-1"]},
}


@pytest.mark.parametrize("changes", REFUSED.values(), ids=REFUSED.keys())
async def test_S17_one_claim_that_does_not_hold_is_enough(changes: Claims) -> None:
    with pytest.raises(LogoutRefused):
        await obeyed(token(claims(**changes)))


def hmac_with_the_public_key() -> str:
    key = public_key_as_secret(ec_key("ec-1"))
    return sign({"alg": "HS256", "typ": "logout+jwt"}, json.dumps(claims()).encode(), key)


def unsigned(signature: str) -> str:
    head, payload = b64(json.dumps({"alg": "none"}).encode()), b64(json.dumps(claims()).encode())
    return f"{head}.{payload}.{signature}"


FORGED: dict[str, Callable[[], str]] = {
    "S17 alg none": lambda: unsigned(""),
    "S17 alg none with bytes": lambda: unsigned("AA"),
    "S17 HS256 with the public key": hmac_with_the_public_key,
    "S17 a foreign key": lambda: sign(
        {"alg": "ES256", "kid": "ec-1"}, json.dumps(claims()).encode(), ec_key("foreign")
    ),
    "S17 an algorithm that is not configured": lambda: sign(
        {"alg": "RS512"}, json.dumps(claims()).encode(), rsa_key("rsa-1"), algorithm="RS256"
    ),
    "S17 an ID token's type": lambda: token(claims(), typ="at+jwt"),
    "S17 a critical extension": lambda: token(claims(), crit=["b64"]),
    "S17 one bit": lambda: token(claims())[:-2] + "AA",
    "S17 huge": lambda: token(claims(padding="x" * 17_000)),
    "S17 empty": str,
    "S17 JSON": lambda: json.dumps(claims()),
}


@pytest.mark.parametrize("forged", FORGED.values(), ids=FORGED.keys())
async def test_S17_what_the_issuer_did_not_sign_is_refused(forged: Callable[[], str]) -> None:
    with pytest.raises(LogoutRefused):
        await obeyed(forged())


@given(st.text(max_size=80))
async def test_S17_any_text_is_refused(raw: str) -> None:
    with pytest.raises(LogoutRefused):
        await obeyed(raw)


values = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=5)
    | st.dictionaries(st.text(max_size=3), st.none())
)


@given(st.dictionaries(st.sampled_from(sorted(claims())), values))
async def test_S17_any_claims_are_refused_or_whole(changes: Claims) -> None:
    with suppress(LogoutRefused):
        notice = await obeyed(token(claims(**changes)))
        assert notice.id
        assert notice.sid or notice.subject

"""An access token is taken only if every check passes (RFC 9068 4, rule T13)."""

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import BearerRefused, ScopeMissing
from gateway.model.bearer import Trusted
from gateway.relying_party.access_token import AccessToken, AccessTokens, scopes_in
from gateway.relying_party.jwks import PublishedKeys, read_key
from tests.fakes.issuer import ec_key, public_key_as_secret, rsa_key, sign
from tests.fakes.login import NOON, Hands

ISSUER, OTHER = "https://issuer.example", "https://other.example"
CLAIMS: Mapping[str, Any] = {
    "iss": ISSUER,
    "sub": "reports",
    "aud": ["https://api.example", "https://else.example"],
    "iat": NOON,
    "exp": NOON + 300,
    "scope": "read write",
    "email": "r@example.com",
    "email_verified": True,
    "groups": ["machines"],
    "tenant": "t1",
}


class Published:
    def __init__(self, *keys: Any) -> None:
        listed = [read_key(dict(key.as_dict(private=False))) for key in keys]
        self.keys = PublishedKeys(keys=tuple(filter(None, listed)), clock=Hands())

    async def current(self) -> PublishedKeys:
        return self.keys

    async def newer(self, *, than: PublishedKeys) -> PublishedKeys:
        return than


KEYS = {ISSUER: Published(ec_key("ec-1")), OTHER: Published(rsa_key("rsa-1"))}


def trusted(issuer: str = ISSUER, **changes: Any) -> Trusted:
    settled: dict[str, Any] = {
        "audiences": ("https://api.example",),
        "algorithms": ("ES256",),
        "claims": (("id", "sub"), ("email", "email"), ("groups", "groups"), ("tenant", "tenant")),
    }
    return Trusted(issuer=issuer, **{**settled, **changes})


def raw(header: Mapping[str, Any] = {}, **changes: Any) -> str:
    said = {name: value for name, value in {**CLAIMS, **changes}.items() if value is not ...}
    head = {"alg": "ES256", "kid": "ec-1", "typ": "at+jwt", **header}
    head = {name: value for name, value in head.items() if value is not ...}
    return sign(head, json.dumps(said).encode(), ec_key("ec-1"), algorithm="ES256")


async def verified(token: str, *listed: Trusted) -> AccessToken:
    return await AccessTokens(listed or (trusted(),), keys=KEYS, clock=Hands()).verify(token)


@pytest.mark.parametrize("typ", ["at+jwt", "AT+JWT", "application/at+jwt", ...])
async def test_a_whole_token_says_who_calls(typ: Any) -> None:
    found = await verified(raw({"typ": typ}))
    assert (found.login.issuer, found.login.subject) == (ISSUER, "reports")
    assert (found.login.email, found.login.email_verified) == ("r@example.com", True)
    assert (found.login.groups, found.login.claims) == (("machines",), (("tenant", ("t1",)),))
    assert (found.expires_at, found.issued_at) == (int(NOON) + 300, int(NOON))


async def test_T13_a_plain_jwt_passes_only_where_the_route_says_so_and_an_id_token_never() -> None:
    plain = raw({"typ": "JWT"})
    with pytest.raises(BearerRefused):
        await verified(plain)
    assert (await verified(plain, trusted(typ="JWT"))).login.subject == "reports"
    for mark in ("nonce", "at_hash", "c_hash", "s_hash", "events"):
        with pytest.raises(BearerRefused):
            await verified(raw({"typ": "JWT"}, **{mark: "x"}), trusted(typ="JWT"))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"iss": "https://nobody.example"}, "issuer"),
        ({"iss": ...}, "issuer"),
        ({"iss": [ISSUER]}, "issuer"),
        ({"aud": "https://else.example"}, "audience"),
        ({"aud": []}, "audience"),
        ({"aud": {"https://api.example": 1}}, "audience"),
        ({"exp": NOON - 30}, "expired"),
        ({"exp": ...}, "invalid"),
        ({"exp": "soon"}, "invalid"),
        ({"exp": 1e300}, "invalid"),
        ({"exp": 2**40}, "invalid"),
        ({"exp": -1}, "invalid"),
        ({"exp": True}, "invalid"),
        ({"nbf": NOON + 61}, "invalid"),
        ({"iat": NOON + 61}, "invalid"),
        ({"iat": -1}, "invalid"),
        ({"sub": ...}, "invalid"),
        ({"sub": "\u00e9"}, "invalid"),
        ({"sub": 7}, "invalid"),
        ({"cnf": {"jkt": "k"}}, "bound"),
        ({"groups": {"a": 1}}, "invalid"),
        ({"email": "a\r\nb@example.com"}, "invalid"),
    ],
)
async def test_T13_each_check_is_held(changes: Mapping[str, Any], reason: str) -> None:
    with pytest.raises(BearerRefused) as refusal:
        await verified(raw(**changes))
    assert refusal.value.reason == reason


async def test_T01_the_algorithm_is_the_issuers_own() -> None:
    both = (trusted(), trusted(OTHER, algorithms=("RS256",)))
    with pytest.raises(BearerRefused):
        await verified(raw(iss=OTHER), *both)  # ES256 is only the first one's
    confused = sign(
        {"alg": "HS256", "kid": "ec-1"}, json.dumps(CLAIMS).encode(), public_key_as_secret(rsa_key("rsa-1"))
    )
    with pytest.raises(BearerRefused):
        await verified(confused, *both)


async def test_T01_an_algorithm_of_another_issuer_is_refused_though_a_key_for_it_is_there() -> None:
    both = (trusted(), trusted(OTHER, algorithms=("RS256",)))
    keys = {ISSUER: KEYS[ISSUER], OTHER: Published(rsa_key("rsa-1"), ec_key("ec-1"))}
    with pytest.raises(BearerRefused, match="alg"):
        await AccessTokens(both, keys=keys, clock=Hands()).verify(raw(iss=OTHER))


async def test_one_issuers_key_signs_nothing_for_another() -> None:
    both = (trusted(), trusted(OTHER))
    with pytest.raises(BearerRefused):
        await verified(raw(iss=OTHER), *both)


async def test_scopes_are_asked_for_last() -> None:
    wanting = trusted(scopes=("read", "admin"))
    with pytest.raises(ScopeMissing):
        await verified(raw(), wanting)
    assert await verified(raw(scope="admin read"), wanting)
    with pytest.raises(BearerRefused) as refusal:
        await verified(raw(exp=NOON - 31), wanting)
    assert not isinstance(refusal.value, ScopeMissing)


@pytest.mark.parametrize(
    ("claims", "scopes"),
    [
        ({}, ()),
        ({"scope": "a b"}, ("a", "b")),
        ({"scope": ""}, ()),
        ({"scp": ["a", "b"]}, ("a", "b")),
        ({"scp": "a b"}, ("a", "b")),
        ({"scope": "a", "scp": "b"}, ("a",)),
        ({"scope": 7}, ()),
        ({"scope": ["a", 7, ""]}, ("a",)),
        ({"scope": None}, ()),
    ],
)
def test_scopes_are_text_or_a_list(claims: dict[str, object], scopes: tuple[str, ...]) -> None:
    assert scopes_in(claims) == scopes


@given(
    st.dictionaries(
        st.sampled_from([*CLAIMS, "typ", "cnf"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=8),
            lambda each: st.lists(each, max_size=3),
            max_leaves=4,
        ),
    )
)
async def test_whatever_the_claims_hold_nothing_else_is_raised(claims: dict[str, Any]) -> None:
    with suppress(BearerRefused):
        await verified(raw(**claims))

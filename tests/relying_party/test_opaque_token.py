"""What an issuer says of a token is held as a token's own words are (RFC 7662, rule T13)."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import BearerRefused, IssuerUnavailable, ScopeMissing
from gateway.model.bearer import Introspection, Trusted
from gateway.model.personal import PREFIX
from gateway.relying_party.access_token import AccessToken, AccessTokens
from gateway.relying_party.id_token import LARGEST
from gateway.relying_party.introspection import Told
from gateway.relying_party.opaque_token import (
    MOST_REFUSED,
    REFUSED_FOR,
    MixedTokens,
    OpaqueTokens,
    issuer_in,
)
from tests.fakes.issuer import b64
from tests.fakes.login import NOON, Hands

ISSUER = "https://issuer.example"
API = "https://api.example.com"
ACTIVE: Mapping[str, Any] = {
    "active": True,
    "client_id": "reports",
    "sub": "ann",
    "aud": API,
    "exp": int(NOON) + 300,
    "iat": int(NOON) - 5,
    "scope": "read write",
    "token_type": "Bearer",
    "groups": ["machines"],
}
LEFT_OUT = ...


class Issuer:
    """Says of every token what a test wants."""

    def __init__(self, **changes: Any) -> None:
        said = {**ACTIVE, **changes}
        self.said = {name: value for name, value in said.items() if value is not LEFT_OUT}
        self.asked: list[str] = []
        self.fails: Exception | None = None

    async def ask(self, raw: str, *, trusted: Trusted) -> Told:
        self.asked.append(raw)
        if self.fails is not None:
            raise self.fails
        return Told(claims=self.said, asked_at=NOON)


def trusted(**changes: Any) -> Trusted:
    settled: dict[str, Any] = {
        "issuer": ISSUER,
        "audiences": (API,),
        "algorithms": ("ES256",),
        "claims": (("id", "sub"), ("email", "email"), ("groups", "groups"), ("name", "username")),
        "introspection": Introspection(client_id="gateway"),
    }
    return Trusted(**{**settled, **changes})


def tokens(issuer: Issuer, *, clock: Hands | None = None, **changes: Any) -> OpaqueTokens:
    return OpaqueTokens(trusted(**changes), introspector=issuer, clock=clock or Hands())  # type: ignore[arg-type]


async def judged(changes: Mapping[str, Any] = {}, **route: Any) -> AccessToken:
    return await tokens(Issuer(**changes), **route).verify("opaque")


async def test_an_active_token_says_who_calls() -> None:
    found = await judged({"username": "Ann", "email": "ann@example.com"})
    assert (found.login.issuer, found.login.subject, found.login.name) == (ISSUER, "ann", "Ann")
    assert found.login.groups == ("machines",)
    assert (found.expires_at, found.issued_at) == (int(NOON) + 300, int(NOON) - 5)
    assert not found.of_client


async def test_an_answer_counts_for_as_long_as_it_is_held_and_never_past_the_end() -> None:
    assert (await judged()).good_until == int(NOON) + 60
    assert (await judged(hold=5)).good_until == int(NOON) + 5
    assert (await judged(hold=3600)).good_until == int(NOON) + 300


async def test_without_an_end_it_is_asked_about_again_all_the_same() -> None:
    found = await judged({"exp": LEFT_OUT})
    assert (found.good_until, found.expires_at) == (int(NOON) + 60, int(NOON) + 86400)


async def test_a_client_that_acts_for_nobody_is_its_own_subject() -> None:
    found = await judged({"sub": LEFT_OUT})
    assert (found.login.subject, found.of_client) == ("reports", True)
    with pytest.raises(BearerRefused):
        await judged({"sub": LEFT_OUT, "client_id": LEFT_OUT})


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"aud": "https://else.example"}, "audience"),
        ({"aud": LEFT_OUT}, "audience"),
        ({"aud": []}, "audience"),
        ({"iss": "https://other.example"}, "issuer"),
        ({"iss": ISSUER + "/"}, "issuer"),
        ({"exp": int(NOON) - 31}, "expired"),
        ({"exp": 0}, "invalid"),
        ({"exp": -1}, "invalid"),
        ({"exp": 1e300}, "invalid"),
        ({"nbf": int(NOON) + 61}, "invalid"),
        ({"iat": int(NOON) + 61}, "invalid"),
        ({"sub": ""}, "invalid"),
        ({"sub": "x" * 256}, "invalid"),
        ({"sub": "é"}, "invalid"),
        ({"sub": LEFT_OUT, "client_id": ""}, "invalid"),
        ({"cnf": {"jkt": "k"}}, "bound"),
        ({"token_type": "DPoP"}, "bound"),
        ({"nonce": "n"}, "invalid"),
        ({"events": {}}, "invalid"),
    ],
)
async def test_T07_T08_T09_T10_each_check_of_access_tokens_is_held(
    changes: dict[str, Any], reason: str
) -> None:
    with pytest.raises(BearerRefused) as refusal:
        await judged(changes)
    assert refusal.value.reason == reason


@pytest.mark.parametrize(
    "name", ["scope", "client_id", "username", "token_type", "sub", "iss", "jti", "exp", "iat", "nbf", "aud"]
)
@pytest.mark.parametrize("value", [None, True, ["a", 1], {"a": "b"}, [None]])
async def test_members_of_another_type_are_refused(name: str, value: object) -> None:
    with pytest.raises(BearerRefused):
        await judged({name: value})


@pytest.mark.parametrize(
    "changes",
    [
        {"token_type": "refresh_token"},
        {"token_use": "refresh_token"},
        {"token_use": "id"},
        {"typ": "Refresh"},
        {"typ": "Offline"},
        {"typ": "ID"},
        {"typ": ["Bearer"]},
        {"token_use": None},
    ],
)
async def test_T13_O31_another_kind_of_token_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(BearerRefused):
        await judged(changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"token_type": "bearer"},
        {"token_type": "at+jwt"},
        {"token_use": "access_token"},
        {"typ": "Bearer"},
        {"token_type": LEFT_OUT},
    ],
)
async def test_an_access_token_may_be_called_so_in_several_ways(changes: dict[str, Any]) -> None:
    assert (await judged(changes)).login.subject == "ann"


async def test_T13_without_an_audience_to_hold_it_to_its_kind_has_to_be_told() -> None:
    assert (await judged({"aud": LEFT_OUT}, audiences=())).login.subject == "ann"
    with pytest.raises(BearerRefused):
        await judged({"aud": LEFT_OUT, "token_type": LEFT_OUT}, audiences=())


async def test_a_missing_scope_is_told_as_such() -> None:
    with pytest.raises(ScopeMissing):
        await judged(scopes=("read", "admin"))
    assert (await judged(scopes=("read",))).login.subject == "ann"


async def test_a_value_that_no_identity_can_have_is_refused() -> None:
    with pytest.raises(BearerRefused):
        await judged({"username": "a\x00b"})


async def test_a_refusal_is_remembered_briefly_and_told_again_as_it_was() -> None:
    clock, issuer = Hands(), Issuer()
    verifier = tokens(issuer, clock=clock, scopes=("admin",))
    for _ in range(3):
        with pytest.raises(ScopeMissing, match="lacks a scope"):
            await verifier.verify("a")
    assert issuer.asked == ["a"]
    clock.now += REFUSED_FOR
    with pytest.raises(ScopeMissing):
        await verifier.verify("a")
    assert issuer.asked == ["a", "a"]
    clock.now -= 1  # set back, by as much as may be
    with pytest.raises(ScopeMissing):
        await verifier.verify("a")
    assert issuer.asked == ["a", "a", "a"]


async def test_an_outage_is_not_remembered() -> None:
    issuer = Issuer()
    verifier = tokens(issuer)
    issuer.fails = IssuerUnavailable("down")
    with pytest.raises(IssuerUnavailable):
        await verifier.verify("a")
    issuer.fails = None
    assert (await verifier.verify("a")).login.subject == "ann"


async def test_refusals_are_remembered_within_bounds() -> None:
    issuer = Issuer(aud="https://else.example")
    verifier = tokens(issuer)
    for number in range(MOST_REFUSED + 1):
        with pytest.raises(BearerRefused):
            await verifier.verify(f"t{number}")
    assert len(verifier._refused) == MOST_REFUSED
    before = len(issuer.asked)
    for again in (f"t{MOST_REFUSED}", "t0"):
        with pytest.raises(BearerRefused):
            await verifier.verify(again)
    assert issuer.asked[before:] == ["t0"]


@pytest.mark.parametrize("raw", [PREFIX + "abc", "x" * (LARGEST + 1)])
async def test_what_is_ours_or_too_long_is_sent_to_nobody(raw: str) -> None:
    issuer = Issuer()
    with pytest.raises(BearerRefused):
        await tokens(issuer).verify(raw)
    assert issuer.asked == []


async def test_the_longest_token_is_asked_about() -> None:
    issuer = Issuer()
    await tokens(issuer).verify("x" * LARGEST)
    assert issuer.asked == ["x" * LARGEST]


def jwt(header: object, claims: object) -> str:
    return ".".join(b64(json.dumps(part).encode()) for part in (header, claims)) + ".c2ln"


def mixed(issuer: Issuer, *, every: bool) -> MixedTokens:
    opaque = tokens(issuer)
    by_keys = AccessTokens([], keys={}, clock=Hands())
    return MixedTokens(by_keys, asked={ISSUER: opaque} if every else {}, opaque=opaque)


async def test_a_jwt_is_shown_to_its_issuer_only_where_all_tokens_are() -> None:
    ours, others = jwt({"alg": "ES256"}, {"iss": ISSUER}), jwt({"alg": "ES256"}, {"iss": "https://x.example"})
    issuer = Issuer()
    for each in (ours, others):
        with pytest.raises(BearerRefused):
            await mixed(issuer, every=False).verify(each)
    assert issuer.asked == []
    assert (await mixed(issuer, every=True).verify(ours)).login.subject == "ann"
    with pytest.raises(BearerRefused):
        await mixed(issuer, every=True).verify(others)
    assert issuer.asked == [ours]


@pytest.mark.parametrize("raw", ["opaque", "a.b", "not.a.token", "a.b.c.d.e", "ory_at_x.y"])
async def test_what_is_no_jwt_is_asked_about(raw: str) -> None:
    issuer = Issuer()
    assert (await mixed(issuer, every=False).verify(raw)).login.subject == "ann"
    assert issuer.asked == [raw]


def test_the_issuer_of_a_jwt_is_read_and_of_what_is_none_there_is_none() -> None:
    assert issuer_in(jwt({"alg": "none"}, {"iss": ISSUER})) == ISSUER
    assert issuer_in(jwt({"alg": "none"}, {})) == ""
    assert issuer_in(jwt({"alg": "none"}, {"iss": 7})) == ""
    assert issuer_in(jwt({"alg": "none"}, [])) == ""
    assert issuer_in(jwt({}, {"iss": ISSUER}).rpartition(".")[0] + ".") == ISSUER
    assert issuer_in(b64(b"[]") + ".e30.c2ln") is None
    for parts in (1, 2, 4, 5):
        assert issuer_in(".".join([b64(b"{}")] * parts)) is None
    assert issuer_in(f"{b64(b'{}')}.{b64(b'{}')}.{'x' * LARGEST}") is None


@given(st.text(alphabet="abcXYZ019._~+/-=", max_size=80))
def test_whatever_comes_is_a_jwt_or_none(raw: str) -> None:
    found = issuer_in(raw)
    assert found is None or raw.count(".") == 2


@given(
    st.dictionaries(
        st.sampled_from(sorted(ACTIVE)),
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.lists(st.text()),
    )
)
async def test_whatever_an_issuer_says_is_proof_or_a_refusal(changes: dict[str, Any]) -> None:
    try:
        found = await judged(changes)
    except BearerRefused:
        return
    assert found.good_until <= min(found.expires_at, NOON + 60)
    assert found.login.subject

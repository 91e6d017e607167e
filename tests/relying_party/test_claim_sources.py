"""Claims of others, aggregated and distributed (OpenID Connect Core 5.6.2)."""

from collections.abc import AsyncIterator, Callable

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import IssuerUnavailable, LoginFailed
from gateway.model.identity import VerifiedLogin
from gateway.relying_party.claim_sources import MOST_SOURCES, ClaimSources
from gateway.relying_party.http import IssuerHttp
from gateway.relying_party.jwks import ClientSecretKey
from gateway.relying_party.registration import ClaimNames, RoleGrant
from tests.fakes.claims_issuer import USABLE, ClaimsIssuer
from tests.fakes.issuer import ABSENT, Claims, HostileIssuer, rsa_key
from tests.fakes.login import NOON, Login, at, registration

KEPT = ClaimNames(keep=(("department", "department"), ("tier", "plan.tier")))
TOLD: Claims = {"department": "it"}


@pytest.fixture
async def issuer() -> AsyncIterator[ClaimsIssuer]:
    async with ClaimsIssuer() as issuer:
        yield issuer


@pytest.fixture
async def login(issuer: ClaimsIssuer) -> AsyncIterator[Login]:
    async with at(issuer, claims=KEPT) as login:
        yield login


def kept(login: VerifiedLogin) -> dict[str, tuple[str, ...]]:
    return dict(login.claims)


async def test_claims_in_a_jwt_that_userinfo_hands_on_are_taken(issuer: ClaimsIssuer, login: Login) -> None:
    issuer.aggregated({"department": ["it", "hr"], "plan": {"tier": 3}})
    assert kept(await login.run()) == {"department": ("it", "hr"), "tier": ("3",)}
    assert issuer.seen["claims"] == 0


async def test_claims_at_an_endpoint_are_fetched_with_the_token_given_for_it(
    issuer: ClaimsIssuer, login: Login
) -> None:
    issuer.distributed(TOLD)
    assert kept(await login.run()) == {"department": ("it",)}
    assert issuer.shown == [f"Bearer {USABLE}"]


async def test_an_endpoint_for_which_no_token_was_given_gets_none(issuer: ClaimsIssuer, login: Login) -> None:
    issuer.distributed(TOLD, token=ABSENT)
    assert kept(await login.run()) == {"department": ("it",)}
    assert issuer.shown == [None]


async def test_claims_that_nothing_reads_are_not_asked_for(issuer: ClaimsIssuer, login: Login) -> None:
    issuer.distributed({"salary": 1})
    assert kept(await login.run()) == {}
    assert issuer.seen["claims"] == 0


async def test_a_claim_that_the_login_has_is_not_asked_for(issuer: ClaimsIssuer, login: Login) -> None:
    issuer.distributed(TOLD)
    issuer.claims = {"department": "hr"}
    assert kept(await login.run()) == {"department": ("hr",)}
    assert issuer.seen["claims"] == 0


@pytest.mark.parametrize("claim", ["sub", "email", "email_verified", "acr"])
async def test_who_somebody_is_never_comes_from_another(
    issuer: ClaimsIssuer, login: Login, claim: str
) -> None:
    issuer.users["alice"].pop("email")
    issuer.jwt_claims = {"sub": ABSENT}
    issuer.distributed({claim: "victim@example.com", **TOLD})
    verified = await login.run()
    assert (verified.subject, verified.email) == ("alice-at-the-issuer", None)
    assert not verified.email_verified
    assert verified.acr is None


async def test_roles_are_earned_by_claims_of_a_source(issuer: ClaimsIssuer) -> None:
    grants = (RoleGrant(role="admin", claim="realm.teams", value="ops"),)
    async with at(issuer, roles=grants) as login:
        issuer.distributed({"realm": {"teams": ["ops"]}})
        assert [each.role for each in (await login.run()).roles] == ["admin"]


async def test_another_issuer_counts_where_it_is_listed(issuer: ClaimsIssuer) -> None:
    async with HostileIssuer(algorithm="ES256") as agency:
        issuer.aggregated(TOLD, signed_by=agency)
        async with at(issuer, claims=KEPT) as login:
            with pytest.raises(LoginFailed, match="claim_issuers"):
                await login.run()
        assert not agency.seen
        async with at(issuer, claims=KEPT, claim_issuers=(agency.url,)) as login:
            assert kept(await login.run()) == {"department": ("it",)}
            agency.rotate()
            issuer.aggregated(TOLD, signed_by=agency)
            assert kept(await login.run()) == {"department": ("it",)}


async def test_the_provider_cannot_speak_in_the_name_of_a_listed_issuer(issuer: ClaimsIssuer) -> None:
    async with HostileIssuer() as agency, at(issuer, claims=KEPT, claim_issuers=(agency.url,)) as login:
        agency.key = rsa_key("of-the-agency")
        agency.rotate()
        issuer.jwt_claims = {"iss": agency.url}
        issuer.aggregated(TOLD)
        with pytest.raises(LoginFailed, match="signed by no key"):
            await login.run()


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "https://evil.example"},
        {"iss": 7},
        {"sub": "bob-at-the-issuer"},
        {"aud": "another-client"},
        {"aud": ["another-client"]},
        {"exp": NOON - 31},
        {"exp": "soon"},
        {"nbf": NOON + 61},
        {"nonce": "n"},
        {"events": {}},
        {"department": ABSENT},
        {"department": {"no": "text"}},
    ],
)
async def test_a_jwt_of_a_source_that_does_not_hold_ends_the_login(
    issuer: ClaimsIssuer, login: Login, changed: Claims
) -> None:
    issuer.jwt_claims = changed
    issuer.aggregated(TOLD)
    with pytest.raises(LoginFailed, match="department"):
        await login.run()


@pytest.mark.parametrize(
    "header", [{"alg": "none"}, {"alg": "HS256"}, {"kid": "unknown"}, {"crit": ["x"]}, {"typ": "logout+jwt"}]
)
async def test_T02_the_header_of_a_source_s_jwt_chooses_nothing(
    issuer: ClaimsIssuer, login: Login, header: Claims
) -> None:
    issuer.jwt_header = header
    issuer.aggregated(TOLD)
    with pytest.raises(LoginFailed, match="department"):
        await login.run()


async def test_a_jwt_of_the_login_itself_is_no_source(issuer: ClaimsIssuer, login: Login) -> None:
    raw = issuer.id_token(user="alice", nonce="n" * 43, access_token="a")
    issuer.names(TOLD, {"JWT": raw})
    with pytest.raises(LoginFailed, match="department"):
        await login.run()


ANSWERS: dict[str, Callable[[str], web.StreamResponse]] = {
    "JSON": lambda _: web.json_response(TOLD),
    "a page": lambda _: web.Response(text="<h1>Sign in</h1>", content_type="text/html"),
    "no ASCII": lambda raw: web.Response(text=raw + "\u00e9"),
    "401": lambda raw: web.Response(status=401, text=raw),
    "201": lambda raw: web.Response(status=201, text=raw),
    "a redirect": lambda _: web.Response(status=307, headers={"Location": "/elsewhere"}),
}


@pytest.mark.parametrize("answer", ANSWERS)
async def test_an_endpoint_that_answers_otherwise_ends_the_login(
    issuer: ClaimsIssuer, login: Login, answer: str
) -> None:
    issuer.answer = ANSWERS[answer]
    issuer.distributed(TOLD)
    with pytest.raises(LoginFailed, match="department"):
        await login.run()
    assert (issuer.seen["claims"], issuer.seen["elsewhere"]) == (1, 0)


@pytest.mark.parametrize(
    "answer",
    [
        lambda _: web.Response(status=503),
        lambda _: web.Response(status=429),
        lambda raw: web.Response(text=raw + "x" * 20_000),
    ],
)
async def test_an_endpoint_out_of_order_is_an_outage(
    issuer: ClaimsIssuer, login: Login, answer: Callable[[str], web.StreamResponse]
) -> None:
    issuer.answer = answer
    issuer.distributed(TOLD)
    with pytest.raises(IssuerUnavailable):
        await login.run()


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://192.0.2.1/claims",
        "http://127.0.0.1:1/claims",
        "http://localhost/claims",
        "file:///etc/passwd",
        "https://user@example.com/claims",
        "https://example.com/claims#x",
        "//example.com",
        "",
        7,
        ["https://example.com"],
        None,
    ],
)
async def test_only_https_or_the_issuer_s_own_origin_is_asked(
    issuer: ClaimsIssuer, login: Login, endpoint: object
) -> None:
    issuer.names(TOLD, {"endpoint": endpoint})
    with pytest.raises(LoginFailed, match="none to ask"):
        await login.run()


@pytest.mark.parametrize("token", ["", "a b", "a\r\nX: y", "\u00e9", 7, ["a"]])
async def test_a_token_that_is_none_is_not_sent(issuer: ClaimsIssuer, login: Login, token: object) -> None:
    issuer.distributed(TOLD, token=token)
    with pytest.raises(LoginFailed, match="access_token"):
        await login.run()
    assert issuer.seen["claims"] == 0


async def test_as_many_sources_as_may_be_are_asked(issuer: ClaimsIssuer) -> None:
    names = [f"c{number}" for number in range(MOST_SOURCES)]
    async with at(issuer, claims=ClaimNames(keep=tuple((name, name) for name in names))) as login:
        issuer.userinfo = {
            "_claim_names": {name: name for name in names},
            "_claim_sources": {name: {"JWT": issuer.signed({name: "it"})} for name in names},
        }
        assert dict((await login.run()).claims) == {name: ("it",) for name in names}


async def test_sources_are_counted_before_any_is_asked(issuer: ClaimsIssuer) -> None:
    names = [f"c{number}" for number in range(MOST_SOURCES + 1)]
    async with at(issuer, claims=ClaimNames(keep=tuple((name, name) for name in names))) as login:
        issuer.userinfo = {
            "_claim_names": {name: name for name in names},
            "_claim_sources": {name: {"endpoint": f"{issuer.url}/claims"} for name in names},
        }
        with pytest.raises(LoginFailed, match="more than 4"):
            await login.run()
    assert issuer.seen["claims"] == 0


async def test_names_and_sources_of_two_answers_are_never_mixed(issuer: ClaimsIssuer, login: Login) -> None:
    sources: Claims = {"_claim_sources": {"src1": {"JWT": issuer.signed(TOLD)}}}
    names: Claims = {"_claim_names": {"department": "src1"}}
    for issuer.claims, issuer.userinfo in ((sources, names), (names, sources)):
        with pytest.raises(LoginFailed, match="not described"):
            await login.run()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
)
SOURCE = JSON | st.fixed_dictionaries({}, optional={"JWT": JSON, "endpoint": JSON, "access_token": JSON})


@given(
    names=JSON | st.dictionaries(st.sampled_from(["department", "plan", "other"]), JSON | st.just("s")),
    sources=JSON | st.fixed_dictionaries({"s": SOURCE}),
)
async def test_whatever_is_said_about_sources_ends_in_a_login_or_its_refusal(
    names: object, sources: object
) -> None:
    at = registration(claims=KEPT)
    told = ClaimSources(at, own=ClientSecretKey("k" * 32), http=IssuerHttp(), clock=lambda: NOON)
    claims: Claims = {"sub": "s", "_claim_names": names, "_claim_sources": sources}
    try:
        assert await told.gathered(claims) == claims
    except LoginFailed:
        return

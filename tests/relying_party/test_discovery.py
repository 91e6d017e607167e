from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import IssuerUnavailable
from gateway.relying_party.discovery import Discovery, discovery_url, read_metadata
from gateway.relying_party.http import IssuerHttp
from tests.fakes.issuer import HostileIssuer
from tests.fakes.login import Hands

ISSUER = "https://issuer.example"


def document(**changes: Any) -> dict[str, Any]:
    settled = {
        "issuer": ISSUER,
        "authorization_endpoint": f"{ISSUER}/authorize",
        "token_endpoint": f"{ISSUER}/token",
        "jwks_uri": f"{ISSUER}/jwks",
        "userinfo_endpoint": f"{ISSUER}/userinfo",
    }
    return {**settled, **changes}


def test_metadata_is_what_the_document_says() -> None:
    metadata = read_metadata(document(), issuer=ISSUER)
    assert metadata.token_endpoint == f"{ISSUER}/token"
    assert not metadata.promises_iss


@pytest.mark.parametrize("issuer", [f"{ISSUER}/", ISSUER.upper(), "https://other.example", None, [ISSUER]])
def test_O20_the_issuer_is_compared_exactly(issuer: object) -> None:
    with pytest.raises(IssuerUnavailable, match="another issuer"):
        read_metadata(document(issuer=issuer), issuer=ISSUER)


@pytest.mark.parametrize(
    "name", ["authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint"]
)
@pytest.mark.parametrize(
    "url",
    ["file:///etc/passwd", "http://issuer.example/x", "http://127.0.0.1/x", "", 7, ["https://x.example"]],
)
def test_O20_an_endpoint_beside_https_is_refused(name: str, url: object) -> None:
    with pytest.raises(IssuerUnavailable, match=name):
        read_metadata(document(**{name: url}), issuer=ISSUER)


@pytest.mark.parametrize("name", ["authorization_endpoint", "token_endpoint", "jwks_uri"])
def test_a_needed_endpoint_cannot_be_missing(name: str) -> None:
    with pytest.raises(IssuerUnavailable, match=name):
        read_metadata(document(**{name: None}), issuer=ISSUER)


def test_userinfo_may_be_missing() -> None:
    assert read_metadata(document(userinfo_endpoint=None), issuer=ISSUER).userinfo_endpoint is None


@pytest.mark.parametrize(("value", "promised"), [(True, True), (False, False), ("true", False), (1, False)])
def test_a_promise_of_iss_is_the_json_value_true(value: object, promised: bool) -> None:
    told = document(authorization_response_iss_parameter_supported=value)
    assert read_metadata(told, issuer=ISSUER).promises_iss is promised


def test_an_alias_stands_for_an_endpoint_that_we_call_and_for_nothing_else() -> None:
    other = "https://mtls.issuer.example"
    told = document(
        mtls_endpoint_aliases={
            "issuer": other,
            "authorization_endpoint": f"{other}/authorize",
            "jwks_uri": f"{other}/jwks",
            "token_endpoint": f"{other}/token",
            "userinfo_endpoint": None,
        }
    )
    plain = read_metadata(told, issuer=ISSUER)
    aliased = read_metadata(told, issuer=ISSUER, aliases=True)
    assert aliased == replace(plain, token_endpoint=f"{other}/token")
    assert plain == read_metadata(document(), issuer=ISSUER)
    odd = document(mtls_endpoint_aliases=[other])
    assert read_metadata(odd, issuer=ISSUER, aliases=True) == plain


@given(st.dictionaries(st.sampled_from([*document(), "x"]), st.none() | st.text() | st.integers()))
def test_no_document_breaks_the_reading(told: dict[str, object]) -> None:
    with suppress(IssuerUnavailable):
        read_metadata({**document(), **told}, issuer=ISSUER)


@pytest.mark.parametrize("issuer", [f"{ISSUER}/tenant", f"{ISSUER}/tenant/"])
def test_the_well_known_path_follows_the_issuers_own(issuer: str) -> None:
    assert discovery_url(issuer) == f"{ISSUER}/tenant/.well-known/openid-configuration"


async def test_an_issuer_that_is_down_at_the_start_is_found_when_it_is_up() -> None:
    clock, http = Hands(), IssuerHttp()
    async with HostileIssuer(clock=clock) as issuer:
        issuer.fault = "discovery_down"
        discovery = Discovery(issuer.url, http=http, clock=clock)
        with pytest.raises(IssuerUnavailable):
            await discovery.metadata()
        issuer.fault = ""
        clock.now += 2
        assert (await discovery.metadata()).issuer == issuer.url
    await http.close()


@pytest.mark.parametrize(
    "url", ["http://issuer.example/logout", "javascript:alert(1)", "/logout", 7, ["x"], ""]
)
def test_R12_a_logout_endpoint_that_is_none_keeps_nobody_from_signing_in(url: object) -> None:
    assert read_metadata(document(end_session_endpoint=url), issuer=ISSUER).end_session_endpoint is None


def test_B115_a_logout_endpoint_is_taken_where_it_is_one() -> None:
    told = document(end_session_endpoint=f"{ISSUER}/logout")
    assert read_metadata(told, issuer=ISSUER).end_session_endpoint == f"{ISSUER}/logout"


@pytest.mark.parametrize(
    ("url", "taken"), [(f"{ISSUER}/revoke", True), ("http://a.example/", False), (7, False)]
)
def test_B117_a_revocation_endpoint_is_taken_where_it_is_one(url: object, taken: bool) -> None:
    found = read_metadata(document(revocation_endpoint=url), issuer=ISSUER).revocation_endpoint
    assert found == (url if taken else None)


async def test_what_is_known_of_an_issuer_is_said_without_asking() -> None:
    async with HostileIssuer() as issuer:
        http = IssuerHttp()
        discovery = Discovery(issuer.url, http=http, clock=Hands())
        assert discovery.known is None
        assert issuer.seen["discovery"] == 0
        metadata = await discovery.metadata()
        assert discovery.known is metadata
        await http.close()

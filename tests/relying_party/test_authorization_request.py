from dataclasses import replace
from urllib.parse import parse_qsl, urlsplit

import pytest

from gateway.errors import IssuerUnavailable
from gateway.model.proof import Demand
from gateway.relying_party.client_keys import ClientKey, public_set
from tests.fakes.client_keys import pem
from tests.fakes.issuer import HostileIssuer
from tests.fakes.login import NOON, Login, at
from tests.fakes.pushed import PUSH_FAULTS, PushedIssuer

KEY = ClientKey(pem=pem())


async def carried(login: Login) -> dict[str, str]:
    url = await login.party.begin(login.pending, {})
    return dict(parse_qsl(urlsplit(url).query))


async def test_O18_of_a_pushed_request_the_browser_carries_a_reference_that_is_good_once() -> None:
    async with PushedIssuer() as issuer, at(issuer) as login:
        assert await login.run()
        assert await login.run()
        assert (await carried(login)).keys() == {"client_id", "request_uri"}
        assert issuer.pushed[0]["state"] != issuer.pushed[1]["state"]
        assert issuer.pushed[0]["client_id"] == "gateway"


@pytest.mark.parametrize("client_auth", ["client_secret_basic", "client_secret_post"])
async def test_a_request_is_pushed_with_our_authentication_and_each_parameter_once(client_auth: str) -> None:
    async with PushedIssuer() as issuer, at(issuer, client_auth=client_auth) as login:
        assert await login.run()


@pytest.mark.parametrize(
    ("offers", "wanted", "pushed"),
    [(True, "auto", True), (False, "auto", False), (True, "never", False), (True, "always", True)],
)
async def test_requests_are_pushed_where_it_is_offered_or_as_configured(
    offers: bool, wanted: str, pushed: bool
) -> None:
    async with PushedIssuer() as issuer, at(issuer, pushed_requests=wanted) as login:
        issuer.offers, issuer.required = offers, False
        assert await login.run()
        assert bool(issuer.pushed) is pushed


@pytest.mark.parametrize(("wanted", "required"), [("always", False), ("auto", True)])
async def test_an_issuer_with_no_place_to_push_to_is_refused_where_it_must_be(
    wanted: str, required: bool
) -> None:
    async with PushedIssuer() as issuer, at(issuer, pushed_requests=wanted) as login:
        issuer.offers, issuer.required = False, required
        with pytest.raises(IssuerUnavailable, match="no place to push"):
            await login.party.begin(login.pending, {})


@pytest.mark.parametrize("fault", PUSH_FAULTS)
async def test_O20_O22_what_is_no_answer_to_a_pushed_request_ends_the_login_with_503(fault: str) -> None:
    async with PushedIssuer() as issuer, at(issuer) as login:
        issuer.push_faults = {fault}
        with pytest.raises(IssuerUnavailable) as caught:
            await login.party.begin(login.pending, {})
        assert caught.value.status == 503
        assert issuer.seen["elsewhere"] == 0
        assert login.pending.state not in str(caught.value)


@pytest.mark.parametrize("pushes", [True, False])
async def test_O18_a_signed_request_says_all_and_what_is_beside_it_nothing(pushes: bool) -> None:
    settings = {"keys": (KEY,), "signs_requests": True}
    async with PushedIssuer() as issuer, at(issuer, **settings) as login:
        issuer.required = issuer.offers = pushes
        issuer.client_keys = public_set([KEY])
        assert await login.run()
        assert issuer.heads == [{"alg": "ES256", "kid": KEY.kid, "typ": "oauth-authz-req+jwt"}]
        claims = issuer.objects[0]
        assert (claims["iss"], claims["aud"]) == ("gateway", issuer.url)
        assert (claims["iat"], claims["nbf"], claims["exp"]) == (int(NOON), int(NOON), int(NOON) + 300)
        assert claims["state"] == login.pending.state
        assert "sub" not in claims, "a request is no client assertion (RFC 9101 10.8)"
        beside = issuer.pushed[0] if pushes else await carried(login)
        assert beside.keys() == {"response_type", "client_id", "scope", "request"}


async def test_what_a_route_demands_is_a_number_in_a_signed_request() -> None:
    async with PushedIssuer() as issuer, at(issuer, keys=(KEY,), signs_requests=True) as login:
        issuer.client_keys = public_set([KEY])
        url = await login.party.begin(login.pending, {}, demand=Demand(max_age=300))
        issuer.consent(url)
        assert issuer.objects[0]["max_age"] == 300


@pytest.mark.parametrize(
    ("name", "said", "carried"),
    [
        ("claims", '{"id_token": {"acr": {"essential": true}}}', {"id_token": {"acr": {"essential": True}}}),
        ("authorization_details", '[{"type": "account"}]', [{"type": "account"}]),
        ("claims", "no JSON", "no JSON"),
        ("ui_locales", "7", "7"),
    ],
)
async def test_what_is_json_in_an_address_is_no_text_in_a_signed_request(
    name: str, said: str, carried: object
) -> None:
    settings = {"keys": (KEY,), "signs_requests": True, "authorization_params": ((name, said),)}
    async with PushedIssuer() as issuer, at(issuer, **settings) as login:
        issuer.client_keys = public_set([KEY])
        issuer.consent(await login.party.begin(login.pending, {}))
        assert issuer.objects[0][name] == carried


async def test_several_resources_are_a_list_in_a_signed_request() -> None:
    resources = ("https://a.example", "https://b.example")
    settings = {"keys": (KEY,), "signs_requests": True, "resources": resources}
    async with PushedIssuer() as issuer, at(issuer, **settings) as login:
        issuer.client_keys = public_set([KEY])
        issuer.consent(await login.party.begin(login.pending, {}))
        assert issuer.objects[0]["resource"] == list(resources)


async def test_a_query_that_the_endpoint_has_of_its_own_stays() -> None:
    class Tenant(HostileIssuer):
        def metadata(self) -> dict[str, object]:
            return {**super().metadata(), "authorization_endpoint": f"{self.url}/authorize?tenant=a%20b"}

    async with Tenant() as issuer, at(issuer) as login:
        login.pending = replace(login.pending, redirect_uri="http://localhost/cb?x=1")
        found = await carried(login)
        assert (found["tenant"], found["redirect_uri"]) == ("a b", "http://localhost/cb?x=1")

from collections.abc import AsyncIterator

import pytest

from gateway.errors import IssuerUnavailable, LoginFailed, SettingsInvalid
from gateway.relying_party.client_keys import ClientKey, public_set
from gateway.relying_party.client_tls import ClientTls
from gateway.relying_party.fapi2 import ALGORITHMS, check_issuer, hardened
from gateway.relying_party.http import IssuerHttp
from gateway.relying_party.provider import RelyingParty
from tests.fakes.client_keys import pem
from tests.fakes.fapi_issuer import FapiIssuer
from tests.fakes.issuer import ABSENT
from tests.fakes.login import NOON, Hands, Login, registration

KEY = ClientKey(pem=pem())
STRONG = {"client_auth": "private_key_jwt", "client_secret": None, "keys": (KEY,)}


@pytest.fixture
async def login() -> AsyncIterator[Login]:
    async with FapiIssuer(clock=lambda: NOON) as issuer:
        issuer.client_keys = public_set([KEY])
        clock = Hands()
        issuer.clock = clock
        http = IssuerHttp()
        party = RelyingParty(hardened(registration(issuer.url, **STRONG)), http=http, clock=clock)
        yield Login(issuer=issuer, party=party, clock=clock, http=http)
        await http.close()


def issuer_of(login: Login) -> FapiIssuer:
    assert isinstance(login.issuer, FapiIssuer)
    return login.issuer


async def test_a_login_is_pushed_bound_and_proven_by_a_key(login: Login) -> None:
    assert await login.run()
    issuer = issuer_of(login)
    assert len(issuer.pushed) == 1
    assert [each["endpoint"] for each in issuer.proofs] == ["token", "userinfo"]


@pytest.mark.parametrize(
    ("overlay", "named"),
    [
        ({"pushed_authorization_request_endpoint": ABSENT}, "pushed_authorization_request_endpoint"),
        (
            {"authorization_response_iss_parameter_supported": False},
            "authorization_response_iss_parameter_supported",
        ),
        ({"code_challenge_methods_supported": ["plain"]}, "S256"),
        ({"code_challenge_methods_supported": ABSENT}, "S256"),
        ({"token_endpoint_auth_methods_supported": ["client_secret_basic"]}, "private_key_jwt"),
        ({"id_token_signing_alg_values_supported": ["RS256"]}, "PS256, ES256"),
        ({"id_token_signing_alg_values_supported": "ES256"}, "PS256, ES256"),
        ({"dpop_signing_alg_values_supported": ["RS256"]}, "dpop_signing_alg_values_supported"),
        ({"dpop_signing_alg_values_supported": ABSENT}, "dpop_signing_alg_values_supported"),
    ],
    ids=str,
)
async def test_O09_an_issuer_that_lacks_anything_is_refused_and_told_what(
    login: Login, overlay: dict[str, object], named: str
) -> None:
    issuer_of(login).overlay = overlay
    with pytest.raises(IssuerUnavailable, match=named):
        await login.party.begin(login.pending, {})
    assert login.issuer.seen["par"] == 0


def test_all_that_is_lacking_is_told_at_once() -> None:
    registered = hardened(registration(**STRONG))
    with pytest.raises(IssuerUnavailable) as caught:
        check_issuer({}, registered)
    assert str(caught.value).count(";") == 5


async def test_O06_a_response_without_iss_is_refused(login: Login) -> None:
    login.issuer.fault = "no_response_iss"
    with pytest.raises(LoginFailed, match="iss"):
        await login.run()
    assert login.issuer.seen["token"] == 0


async def test_O31_a_token_that_is_not_bound_is_refused(login: Login) -> None:
    issuer_of(login).proof_faults = {"bearer"}
    with pytest.raises(LoginFailed, match="DPoP"):
        await login.run()


def test_signatures_are_the_profiles_alone() -> None:
    assert hardened(registration(**STRONG)).algorithms == ALGORITHMS
    with pytest.raises(SettingsInvalid, match="ES384"):
        hardened(registration(**{**STRONG, "keys": (ClientKey(pem=pem("P-384")),)}))
    with pytest.raises(SettingsInvalid, match="RS256"):
        hardened(registration(**{**STRONG, "keys": (ClientKey(pem=pem("RSA2048"), algorithm="RS256"),)}))


def test_a_certificate_binds_tokens_where_we_show_one() -> None:
    shown = hardened(
        registration(client_auth="tls_client_auth", client_secret=None, tls=ClientTls(certificate="c"))
    )
    assert not shown.dpop
    with pytest.raises(IssuerUnavailable, match="tls_client_certificate_bound_access_tokens") as caught:
        check_issuer({}, shown)
    assert "dpop" not in str(caught.value), "no proof by a key is asked for beside it"

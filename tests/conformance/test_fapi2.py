"""fapi2-security-profile-final-client-test-plan: private_key_jwt, DPoP, plain FAPI, OpenID Connect."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fakes.conformance import accepted, refused, refused_before_userinfo
from tests.fakes.fapi import FapiIssuer, fapi_scene
from tests.fakes.issuer import ABSENT, rsa_key
from tests.fakes.scene import COOKIE, Scene


@pytest.fixture
async def at(tmp_path: Path) -> AsyncIterator[Scene]:
    async with fapi_scene(tmp_path) as at:
        yield at


def issuer_of(at: Scene) -> FapiIssuer:
    assert isinstance(at.issuer, FapiIssuer)
    return at.issuer


async def refused_before_the_token_request(at: Scene) -> None:
    await refused(at)
    assert at.issuer.seen["token"] == 0


async def test_fapi2_security_profile_final_client_test_happy_path(at: Scene) -> None:
    issuer_of(at).nonces = ["n-1"]
    await accepted(at)
    assert len(issuer_of(at).pushed) == 1
    endpoints = [(proof["endpoint"], proof.get("nonce")) for proof in issuer_of(at).proofs]
    assert endpoints == [("token", None), ("token", "n-1"), ("userinfo", "n-1")]
    assert len({proof["jkt"] for proof in issuer_of(at).proofs}) == 1


async def test_fapi2_security_profile_final_client_test_happy_path_no_dpop_nonce(at: Scene) -> None:
    await accepted(at)
    assert [proof["endpoint"] for proof in issuer_of(at).proofs] == ["token", "userinfo"]


async def test_fapi2_security_profile_final_client_test_happy_path_no_mtls_endpoint_aliases(
    at: Scene,
) -> None:
    assert "mtls_endpoint_aliases" not in at.issuer.metadata()
    await accepted(at)


async def test_fapi2_security_profile_final_client_test_discovery_issuer_mismatch(at: Scene) -> None:
    at.issuer.fault = "discovery_wrong_issuer"
    await refused(at, status=503)
    assert (issuer_of(at).pushed, at.issuer.seen["authorize"]) == ([], 0)


async def test_fapi2_security_profile_final_client_test_invalid_iss(at: Scene) -> None:
    at.issuer.fault = "wrong_iss"
    await refused_before_userinfo(at)


async def test_fapi2_security_profile_final_client_test_invalid_aud(at: Scene) -> None:
    at.issuer.fault = "wrong_aud"
    await refused_before_userinfo(at)


async def test_fapi2_security_profile_final_client_test_invalid_secondary_aud(at: Scene) -> None:
    at.issuer.fault = "many_aud"
    await refused_before_userinfo(at)


async def test_fapi2_security_profile_final_client_test_invalid_null_alg(at: Scene) -> None:
    at.issuer.fault = "alg_none"
    await refused_before_userinfo(at)


async def test_fapi2_security_profile_final_client_test_invalid_alternate_alg(at: Scene) -> None:
    at.issuer.algorithm, at.issuer.key = "RS256", rsa_key("rsa-1")
    at.issuer.published = [dict(at.issuer.key.as_dict(private=False))]
    await refused_before_userinfo(at)


async def test_fapi2_security_profile_final_client_test_invalid_expired_exp(at: Scene) -> None:
    at.issuer.fault = "expired"
    await refused_before_userinfo(at)


async def test_fapi2_security_profile_final_client_test_invalid_missing_exp(at: Scene) -> None:
    at.issuer.fault = "no_exp"
    await refused_before_userinfo(at)


async def test_fapi2_security_profile_final_client_test_invalid_missing_aud(at: Scene) -> None:
    at.issuer.claims = {"aud": ABSENT}
    await refused_before_userinfo(at)


async def test_fapi2_security_profile_final_client_test_invalid_missing_iss(at: Scene) -> None:
    at.issuer.claims = {"iss": ABSENT}
    await refused_before_userinfo(at)


async def test_fapi2_security_profile_final_client_test_valid_aud_as_array(at: Scene) -> None:
    at.issuer.claims = {"aud": [at.issuer.client_id]}
    await accepted(at)


async def test_fapi2_security_profile_final_client_test_invalid_nonce(at: Scene) -> None:
    at.issuer.fault = "wrong_nonce"
    await refused_before_userinfo(at)


async def test_fapi2_security_profile_final_client_test_invalid_missing_nonce(at: Scene) -> None:
    at.issuer.fault = "no_nonce"
    await refused_before_userinfo(at)


async def test_fapi2_security_profile_final_client_test_invalid_authorization_response_iss(at: Scene) -> None:
    at.issuer.fault = "wrong_response_iss"
    await refused_before_the_token_request(at)


async def test_fapi2_security_profile_final_client_test_remove_authorization_response_iss(at: Scene) -> None:
    at.issuer.fault = "no_response_iss"
    await refused_before_the_token_request(at)


async def test_fapi2_security_profile_final_client_test_ensure_authorization_response_with_invalid_state_fails(  # noqa: E501 - its name
    at: Scene,
) -> None:
    browser = at.gate.browser()
    callback = await at.departed(browser, "/page")
    state = callback.partition("state=")[2].partition("&")[0]
    page = await browser.navigate(callback.replace(state, "s" * 43), follow=False)
    assert page.location.startswith(f"{at.issuer.url}/authorize"), "begun anew, with a state of its own"
    assert browser.cookie(at.url, COOKIE) is None
    assert at.issuer.seen["token"] == 0


async def test_fapi2_security_profile_final_client_test_ensure_authorization_response_with_invalid_missing_state_fails(  # noqa: E501 - its name
    at: Scene,
) -> None:
    browser = at.gate.browser()
    callback = await at.departed(browser, "/page")
    state = callback.partition("state=")[2].partition("&")[0]
    page = await browser.navigate(callback.replace(f"state={state}&", ""), follow=False)
    assert (page.status, browser.cookie(at.url, COOKIE)) == (400, None)
    assert at.issuer.seen["token"] == 0


async def test_fapi2_security_profile_final_client_test_token_endpoint_response_without_expires_in(
    at: Scene,
) -> None:
    issuer_of(at).lifetime = None
    await accepted(at)


async def test_fapi2_security_profile_final_client_test_token_type_case_insensitivity(at: Scene) -> None:
    issuer_of(at).token_type = "dpOp"
    await accepted(at)


async def test_fapi2_security_profile_final_client_test_rs_dpop_auth_scheme_case_insensitivity(
    at: Scene,
) -> None:
    issuer_of(at).nonces, issuer_of(at).challenge_scheme = ["n-1", "n-2"], "dPoP"
    await accepted(at)
    endpoints = [(proof["endpoint"], proof.get("nonce")) for proof in issuer_of(at).proofs]
    assert endpoints[-2:] == [("userinfo", "n-1"), ("userinfo", "n-2")]

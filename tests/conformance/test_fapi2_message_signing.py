"""fapi2-message-signing-final-client-test-plan: what it asks of signed responses, requests signed too."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fakes.conformance import accepted, refused
from tests.fakes.fapi import SigningFapiIssuer, fapi_scene
from tests.fakes.issuer import ABSENT
from tests.fakes.scene import Scene

SIGNED = 'response_mode = "query.jwt"\nsigned_requests = true\n'


@pytest.fixture
async def at(tmp_path: Path) -> AsyncIterator[Scene]:
    async with fapi_scene(tmp_path, issued_by=SigningFapiIssuer, more=SIGNED) as at:
        yield at


def issuer_of(at: Scene) -> SigningFapiIssuer:
    assert isinstance(at.issuer, SigningFapiIssuer)
    return at.issuer


async def refused_with(at: Scene, *, fault: str = "", claims: dict[str, object] | None = None) -> None:
    issuer_of(at).response_faults = {fault} - {""}
    issuer_of(at).response_claims = claims or {}
    await refused(at)
    assert at.issuer.seen["token"] == 0


async def test_fapi2_security_profile_final_client_test_happy_path(at: Scene) -> None:
    await accepted(at)
    assert [claims["response_mode"] for claims in issuer_of(at).objects] == ["query.jwt"]


async def test_fapi2_security_profile_final_client_test_ensure_jarm_without_iss_fails(at: Scene) -> None:
    await refused_with(at, claims={"iss": ABSENT})


async def test_fapi2_security_profile_final_client_test_ensure_jarm_with_invalid_iss_fails(at: Scene) -> None:
    await refused_with(at, claims={"iss": "https://other.example"})


async def test_fapi2_security_profile_final_client_test_ensure_jarm_without_aud_fails(at: Scene) -> None:
    await refused_with(at, claims={"aud": ABSENT})


async def test_fapi2_security_profile_final_client_test_ensure_jarm_with_invalid_aud_fails(at: Scene) -> None:
    await refused_with(at, claims={"aud": "another-client"})


async def test_fapi2_security_profile_final_client_test_ensure_jarm_without_exp_fails(at: Scene) -> None:
    await refused_with(at, claims={"exp": ABSENT})


async def test_fapi2_security_profile_final_client_test_ensure_jarm_with_expired_exp_fails(at: Scene) -> None:
    await refused_with(at, claims={"exp": 1})


async def test_fapi2_security_profile_final_client_test_ensure_jarm_with_invalid_sig_fails(at: Scene) -> None:
    await refused_with(at, fault="foreign_key")


async def test_fapi2_security_profile_final_client_test_ensure_jarm_signature_is_not_none(at: Scene) -> None:
    await refused_with(at, fault="unsigned")

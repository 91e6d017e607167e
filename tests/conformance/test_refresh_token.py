"""oidcc-client-refreshtoken-test-plan: the refreshed access token is not used at userinfo but by the app."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fakes.conformance import accepted
from tests.fakes.refreshing import RefreshingIssuer
from tests.fakes.scene import Scene, scene, seen


@pytest.fixture
async def at(tmp_path: Path) -> AsyncIterator[Scene]:
    async with scene(tmp_path, issued_by=RefreshingIssuer, route_keys='forward_token = "access_token"') as at:
        yield at


def issuer_of(at: Scene) -> RefreshingIssuer:
    assert isinstance(at.issuer, RefreshingIssuer)
    return at.issuer


async def refused(at: Scene, fault: str) -> None:
    """Let the first access token end, and hold that what comes in its place is used for nothing."""
    alice = await accepted(at)
    passed = len(at.app.requests)
    issuer_of(at).refresh_faults = {fault}
    at.clock.advance(300)
    assert (await alice.fetch(at.url + "/page")).status == 401
    assert issuer_of(at).refreshes == 1
    assert len(at.app.requests) == passed
    assert await at.session_of(alice) is None


async def test_oidcc_client_test_refresh_token(at: Scene) -> None:
    alice = await accepted(at)
    at.clock.advance(300)
    assert (await alice.fetch(at.url + "/page")).status == 200
    assert issuer_of(at).refreshes == 1
    assert seen(at.app.requests[-1], "Authorization") == [f"Bearer {issuer_of(at).current}"]


async def test_oidcc_client_test_refresh_token_invalid_issuer(at: Scene) -> None:
    await refused(at, "other_iss")


async def test_oidcc_client_test_refresh_token_invalid_sub(at: Scene) -> None:
    await refused(at, "other_sub")

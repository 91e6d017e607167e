"""oidcc-client-back-channel-logout-rp-basic: sessions are stateful here, so that an end is seen at once."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from gateway.relying_party.logout_token import EVENT
from tests.fakes.browser import Browser
from tests.fakes.conformance import accepted
from tests.fakes.issuer import ABSENT, b64, ec_key, sign
from tests.fakes.issuer_logout import logout_token
from tests.fakes.scene import Scene, scene

SESSION = "op-1"


@pytest.fixture
async def at(tmp_path: Path) -> AsyncIterator[Scene]:
    async with scene(tmp_path, tables='[session]\nstrategy = "stateful"\n') as at:
        at.issuer.claims = {"sid": SESSION}
        yield at


async def told(at: Scene, token: str) -> tuple[Browser, int]:
    """Sign in, hand *token* over as the issuer does, and return the browser and the answer's status."""
    alice = await accepted(at)
    answer = await at.gate.browser().request(
        "POST",
        f"{at.ours}/backchannel-logout/issuer",
        headers={"Content-Type": "application/x-www-form-urlencoded"},
        body=urlencode({"logout_token": token}).encode(),
        follow=False,
    )
    assert b"no-store" in answer.answer.values("cache-control")[0]
    return alice, answer.status


async def refused(at: Scene, token: str) -> None:
    alice, status = await told(at, token)
    assert status == 400
    assert (await alice.fetch(at.url + "/page")).status == 200


def claims_of(at: Scene) -> dict[str, Any]:
    now = int(at.clock())
    said = {"iss": at.issuer.url, "aud": at.issuer.client_id, "iat": now, "exp": now + 120}
    return {**said, "jti": "j" * 22, "sid": SESSION, "events": {EVENT: {}}}


async def test_oidcc_client_test_rp_backchannel_rpinitlogout(at: Scene) -> None:
    alice, status = await told(at, logout_token(at.issuer, sid=SESSION))
    assert status == 200
    assert (await alice.fetch(at.url + "/page")).status == 401


async def test_oidcc_client_test_rp_backchannel_rpinitlogout_alg_none(at: Scene) -> None:
    header = b64(json.dumps({"alg": "none", "typ": "logout+jwt"}).encode())
    await refused(at, f"{header}.{b64(json.dumps(claims_of(at)).encode())}.")


async def test_oidcc_client_test_rp_backchannel_rpinitlogout_no_event(at: Scene) -> None:
    await refused(at, logout_token(at.issuer, sid=SESSION, events=ABSENT))


async def test_oidcc_client_test_rp_backchannel_rpinitlogout_with_nonce(at: Scene) -> None:
    await refused(at, logout_token(at.issuer, sid=SESSION, nonce="n" * 43))


async def test_oidcc_client_test_rp_backchannel_rpinitlogout_wrong_alg(at: Scene) -> None:
    header = {"alg": "ES256", "kid": str(at.issuer.key.kid), "typ": "logout+jwt"}
    await refused(at, sign(header, json.dumps(claims_of(at)).encode(), ec_key("another")))


async def test_oidcc_client_test_rp_backchannel_rpinitlogout_wrong_aud(at: Scene) -> None:
    await refused(at, logout_token(at.issuer, sid=SESSION, aud="another-client"))


async def test_oidcc_client_test_rp_backchannel_rpinitlogout_wrong_event(at: Scene) -> None:
    await refused(at, logout_token(at.issuer, sid=SESSION, events={"http://another.example/event": {}}))


async def test_oidcc_client_test_rp_backchannel_rpinitlogout_wrong_iss(at: Scene) -> None:
    await refused(at, logout_token(at.issuer, sid=SESSION, iss="https://another.example"))

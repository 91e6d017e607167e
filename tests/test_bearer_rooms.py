"""Bearers joined: the keys of an issuer outlive a configuration, and explain judges like the gateway."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.assembly.routes import build_routes
from gateway.bearer_rooms import judging
from gateway.errors import BearerRefused
from gateway.settings.loader import load
from tests.fakes.bearers import access_token
from tests.fakes.scene import Scene, scene

TABLE = """
[[routes]]
path = "/api"
upstream = "{app}"
bearer = { issuer = "{issuer}", audience = "https://api.example.com" }
"""


@pytest.fixture
async def at(tmp_path: Path) -> AsyncIterator[Scene]:
    async with scene(tmp_path, tables=TABLE) as scenery:
        yield scenery


async def test_a_token_is_judged_beside_a_running_gateway(at: Scene) -> None:
    [config] = at.folder.glob("gateway-*.toml")
    settings = load(config, environ={"ISSUER_SECRET": "x"}).settings
    [bearer] = [route.bearer for route in build_routes(settings) if route.bearer is not None]
    async with judging(settings, clock=at.clock) as bearers:
        session = await bearers.caller(bearer, access_token(at.issuer), asks_for_roles=False)
        assert session.identity.user_id == f"bearer:{at.issuer.url}#reports"
        with pytest.raises(BearerRefused):
            await bearers.caller(bearer, access_token(at.issuer, aud="x"), asks_for_roles=False)

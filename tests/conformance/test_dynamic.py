"""oidcc-client-dynamic-certification-test-plan; what it shares with the plan Config is held there."""

import asyncio
import json
import sys
from asyncio.subprocess import DEVNULL
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web

from tests.fakes.conformance import accepted
from tests.fakes.issuer import HostileIssuer, sign
from tests.fakes.process import PATIENCE, ROOT, GatewayProcess
from tests.fakes.registering import RegisteringIssuer
from tests.fakes.scene import scene, seen
from tests.fakes.upstream import RecordingUpstream


class SigningUserinfoIssuer(HostileIssuer):
    """One whose userinfo is a JWT that it signs (OpenID Connect Core 5.3.2)."""

    async def _userinfo(self, request: web.Request) -> web.StreamResponse:
        user = self._access[request.headers["Authorization"].removeprefix("Bearer ")]
        claims = {**self.users[user], "iss": self.url, "aud": self.client_id}
        header: dict[str, object] = {"alg": self.algorithm, "kid": str(self.key.kid)}
        token = sign(header, json.dumps(claims).encode(), self.key)
        return web.Response(text=token, content_type="application/jwt")


async def test_oidcc_client_test_userinfo_signed(tmp_path: Path) -> None:
    keys = 'userinfo_format = "signed"'
    async with scene(tmp_path, issued_by=SigningUserinfoIssuer, provider_keys=keys) as at:
        await accepted(at)
        assert at.issuer.seen["userinfo"] == 1


async def registered(gateway: GatewayProcess, issuer: RegisteringIssuer, app: RecordingUpstream) -> None:
    """Register by the command that operators use, and put our ports and app into what it wrote."""
    asked = ("--config", str(gateway.config), "--register", issuer.url, "--public-url", gateway.url)
    command = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway", "init", *asked, stdin=DEVNULL, stdout=DEVNULL, cwd=ROOT
    )
    async with asyncio.timeout(PATIENCE):
        assert await command.wait() == 0
    text = gateway.config.read_text()
    ours = {
        "127.0.0.1:8080": f"127.0.0.1:{gateway.port}",
        "127.0.0.1:8081": f"127.0.0.1:{gateway.admin_port}",
        "http://127.0.0.1:3000": app.url,
    }
    for example, name in ours.items():
        assert example in text
        text = text.replace(example, name)
    gateway.config.write_text(text)


@asynccontextmanager
async def running(gateway: GatewayProcess) -> AsyncIterator[None]:
    await gateway.start()
    try:
        await gateway.until_ready()
        yield
    finally:
        gateway.signal()
        await gateway.ended()


async def test_oidcc_client_test_dynamic_registration(tmp_path: Path) -> None:
    gateway = GatewayProcess(folder=tmp_path)
    async with RegisteringIssuer() as issuer, RecordingUpstream() as app:
        issuer.client_id, issuer.client_secret = "client 7", "canary: of +%, once"
        issuer.registration = {"client_id": issuer.client_id, "client_secret": issuer.client_secret}
        await registered(gateway, issuer, app)
        (client,) = issuer.registered
        redirect_uris = client["redirect_uris"]
        assert isinstance(redirect_uris, list)
        issuer.redirect_uris = set(redirect_uris)
        gateway.places[issuer.url] = int(issuer.url.rpartition(":")[2])
        async with running(gateway):
            page = await gateway.browser().navigate(gateway.url + "/page")
            assert (page.status, page.url) == (200, gateway.url + "/page"), page.text
        assert seen(app.requests[-1], "X-User-Email") == ["alice@example.com"]
        assert (issuer.seen["token"], len(issuer.registered)) == (1, 1)
    assert "canary" not in gateway.log + gateway.complaints

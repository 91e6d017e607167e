"""oidcc-client-dynamic-certification-test-plan; what it shares with the plan Config is held there."""

import json
from pathlib import Path

from aiohttp import web

from tests.fakes.conformance import accepted
from tests.fakes.issuer import HostileIssuer, sign
from tests.fakes.scene import scene


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

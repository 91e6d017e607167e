"""A provider of OAuth 2.0 on loopback, with userinfo and further addresses as a test sets them.

async with OAuthProvider() as provider, party_at(provider) as (party, pending): ...
    provider.answers["/user"]     # what a GET there tells, JSON or raw bytes
    provider.tokens               # what a code brings
    provider.status               # by path, where it is not 200
    provider.forms, provider.asked
"""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from authlib.oauth2.rfc7636 import create_s256_code_challenge  # type: ignore[import-untyped]

from gateway.model.login import PendingLogin
from gateway.relying_party.authorization import CallbackResponse
from gateway.relying_party.http import IssuerHttp
from gateway.relying_party.oauth_party import OAuthParty
from gateway.relying_party.registration import ClaimNames, OAuthEndpoints
from tests.fakes.login import Hands, pending_at, registration

CODE = "a-code-of-the-provider"
ACCESS = "an-access-token-of-the-provider"


class OAuthProvider:
    """See the module."""

    def __init__(self, answers: Mapping[str, object] | None = None) -> None:
        self.answers: dict[str, object] = dict(answers or {"/user": {"id": 7, "email": "ann@example.com"}})
        self.tokens: dict[str, object] = {"access_token": ACCESS, "token_type": "bearer"}
        self.status: dict[str, int] = {}
        self.challenge = ""
        self.forms: list[dict[str, str]] = []
        self.asked: list[str] = []
        self.url = ""

    def expect(self, pending: PendingLogin) -> None:
        """Take the code for *pending* alone."""
        self.challenge = create_s256_code_challenge(pending.verifier)

    async def __aenter__(self) -> "OAuthProvider":
        app = web.Application()
        app.router.add_post("/token", self._token)
        app.router.add_get("/{path:.*}", self._tell)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _token(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        self.forms.append(form)
        proven = create_s256_code_challenge(form.get("code_verifier", "")) == self.challenge
        if form["grant_type"] == "authorization_code" and not (form["code"] == CODE and proven):
            return web.json_response({"error": "bad_verification_code"})  # 200, as some answer
        return web.json_response(self.tokens, status=self.status.get("/token", 200))

    async def _tell(self, request: web.Request) -> web.Response:
        self.asked.append(request.path_qs)
        if request.headers.get("Authorization") != f"Bearer {ACCESS}":
            return web.json_response({}, status=401)
        told = self.answers.get(request.path_qs, self.answers.get(request.path))
        if told is None:
            return web.json_response({}, status=404)
        body = told if isinstance(told, bytes) else json.dumps(told).encode()
        return web.Response(
            body=body, status=self.status.get(request.path, 200), content_type="application/json"
        )


@asynccontextmanager
async def party_at(
    provider: OAuthProvider, *, email_verified: str | None = None, userinfo: str = "/user", **changes: Any
) -> AsyncIterator[tuple[OAuthParty, PendingLogin]]:
    """Register at *provider*, with a login begun there."""
    http = IssuerHttp(deadline=5.0)
    endpoints = OAuthEndpoints(
        authorization=f"{provider.url}/authorize",
        token=f"{provider.url}/token",
        userinfo=f"{provider.url}{userinfo}",
        email_verified=email_verified,
    )
    settled = {"scopes": ("user",), "claims": ClaimNames(subject="id"), "oauth": endpoints, **changes}
    pending = pending_at(provider.url)
    provider.expect(pending)
    try:
        yield OAuthParty(registration(provider.url, **settled), http=http, clock=Hands()), pending
    finally:
        await http.close()


def response_to(pending: PendingLogin, **changes: str) -> CallbackResponse:
    """Return what the browser brings back of *pending*."""
    return CallbackResponse(**{"code": CODE, "state": pending.state, **changes})

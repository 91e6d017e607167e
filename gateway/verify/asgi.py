"""ASGI 3: no request or WebSocket reaches the app unless the gateway vouches for it."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from gateway.verify.caller import Caller, VerificationFailed
from gateway.verify.received import from_scope
from gateway.verify.signature import SignatureVerifier, sender
from gateway.verify.verifier import Verifier

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
CALLER = "gateway.caller"


class RequireAssertion:
    """Puts the `Caller` into `scope["gateway.caller"]`, or answers 401, 403 or 503 itself.

    A WebSocket is closed before it opens. With *anonymous* a request that carries neither assertion nor
    user id passes with None there, for apps behind `public` and `optional` routes. *user_header* None:
    the app reads no user id. Verification runs in a thread, since it may fetch keys.
    """

    def __init__(
        self,
        app: App,
        verifier: Verifier,
        *,
        header: str = "X-Gateway-Assertion",
        user_header: str | None = "X-User-Id",
        anonymous: bool = False,
    ) -> None:
        self._app = app
        self._verifier = verifier
        self._header = _folded(header.encode("ascii"))
        self._user_header = None if user_header is None else _folded(user_header.encode("ascii"))
        self._anonymous = anonymous

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Verify, then call the app, or refuse."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        try:
            caller = await asyncio.to_thread(self._caller, scope)
        except VerificationFailed as failed:
            await _refuse(failed, scope, send)
            return
        await self._app({**scope, CALLER: caller}, receive, send)

    def _caller(self, scope: Mapping[str, Any]) -> Caller | None:
        assertions = _values(scope, self._header)
        user_ids = None if self._user_header is None else _values(scope, self._user_header)
        if self._anonymous and not assertions and not user_ids:
            return None
        return self._verifier.identify(assertions, user_ids)


class RequireSignature:
    """As `RequireAssertion`, for signed requests: outermost, since what was signed is what came.

    With *anonymous* a request that the gateway signed for nobody passes, with None; one that it did not
    sign never does.
    """

    def __init__(self, app: App, verifier: SignatureVerifier, *, anonymous: bool = False) -> None:
        self._app = app
        self._verifier = verifier
        self._anonymous = anonymous

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Verify, then call the app, or refuse."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        try:
            caller = await asyncio.to_thread(self._caller, scope)
        except VerificationFailed as failed:
            await _refuse(failed, scope, send)
            return
        await self._app({**scope, CALLER: caller}, receive, send)

    def _caller(self, scope: Mapping[str, Any]) -> Caller | None:
        return sender(self._verifier, lambda: from_scope(scope), anonymous=self._anonymous)


def _values(scope: Mapping[str, Any], name: bytes) -> list[str]:
    """Return every value whose header folds to *name*: an app may read any of them."""
    return [value.decode("latin-1") for key, value in scope["headers"] if _folded(key) == name]


def _folded(name: bytes) -> bytes:
    return name.lower().replace(b"_", b"-").replace(b".", b"-")


async def _refuse(failed: VerificationFailed, scope: Mapping[str, Any], send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008, "reason": failed.code})
        return
    body = json.dumps({"error": failed.code}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
    ]
    await send({"type": "http.response.start", "status": failed.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})

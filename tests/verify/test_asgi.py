"""ASGI: nobody reaches the app past the gateway."""

import json
from collections.abc import MutableMapping
from dataclasses import replace
from typing import Any

import pytest

from gateway.keys.keyring import KeyRing
from gateway.model.route import RequestAlgorithm
from gateway.verify import SignatureVerifier, Verifier
from gateway.verify.asgi import CALLER, RequireAssertion, RequireSignature
from tests.fakes.assertions import AUDIENCE, ISSUER, NOW, jwks, new_key, signed
from tests.fakes.clock import FakeClock
from tests.fakes.dressing import PUBLIC_URL, TOLD, dresser, inbound, session, told_route
from tests.fakes.signed_requests import received

KEY = new_key()
VERIFIER = Verifier(issuer=ISSUER, audience=AUDIENCE, jwks=jwks(KEY), clock=lambda: NOW)
Message = MutableMapping[str, Any]
Headers = tuple[tuple[str, str], ...]


async def ask(
    *headers: tuple[str, str], kind: str = "http", verifier: Verifier = VERIFIER, **facts: Any
) -> Any:
    """Return the scope that the app saw, or what was answered in its stead."""
    seen: list[Message] = []
    sent: list[Message] = []

    async def app(scope: Message, _receive: object, _send: object) -> None:
        seen.append(scope)

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        sent.append(message)

    raw = [(name.encode(), value.encode()) for name, value in headers]
    scope: Message = {"type": kind, "headers": raw, "path": "/kept"}
    await RequireAssertion(app, verifier, **facts)(scope, receive, send)
    assert len(seen) + bool(sent) == 1
    return seen[0] if seen else sent


async def status(*headers: tuple[str, str], **facts: Any) -> tuple[int, str]:
    start, body = await ask(*headers, **facts)
    return start["status"], json.loads(body["body"])["error"]


GOOD = ("x-gateway-assertion", signed(KEY))
USER = ("x-user-id", "u-1")


async def test_B45_the_caller_is_put_into_the_scope_and_nothing_is_taken_out() -> None:
    scope = await ask(GOOD, USER, ("x-other", "kept"))
    assert scope[CALLER].id == "u-1"
    assert scope["path"] == "/kept"
    assert (b"x-other", b"kept") in scope["headers"]


async def test_I15_a_request_that_did_not_pass_the_gateway_is_refused() -> None:
    assert await status() == (401, "assertion_required")
    assert await status(USER) == (401, "assertion_required")
    assert await status((GOOD[0], signed(new_key())), USER) == (403, "assertion_invalid")
    assert await status((GOOD[0], "\u00e9"), USER) == (403, "assertion_invalid")


@pytest.mark.parametrize(
    "headers",
    [
        (GOOD,),
        (GOOD, ("x-user-id", "u-2")),
        (GOOD, USER, USER),
        (GOOD, USER, ("x_user_id", "admin")),
        (GOOD, USER, ("X.User.Id", "admin")),
        (GOOD, GOOD, USER),
        (GOOD, USER, ("X_Gateway_Assertion", "x")),
    ],
)
async def test_I14_doubled_and_contradicting_headers_are_refused(headers: Headers) -> None:
    assert await status(*headers) == (403, "assertion_invalid")


async def test_I15_a_websocket_is_closed_before_it_opens() -> None:
    assert await ask(kind="websocket") == [
        {"type": "websocket.close", "code": 1008, "reason": "assertion_required"}
    ]
    assert (await ask(GOOD, USER, kind="websocket"))[CALLER].id == "u-1"


async def test_other_scopes_are_none_of_its_concern() -> None:
    assert CALLER not in await ask(kind="lifespan")


async def test_nobody_passes_as_nobody_only_where_that_is_wanted() -> None:
    assert (await ask(anonymous=True))[CALLER] is None
    assert (await status(USER, anonymous=True))[0] == 401


async def test_the_headers_have_the_names_that_the_gateway_was_given() -> None:
    scope = await ask(("x-signed", signed(KEY)), header="X-Signed", user_header=None)
    assert scope[CALLER].id == "u-1"


async def test_keys_out_of_reach_are_503() -> None:
    away = Verifier(issuer=ISSUER, audience=AUDIENCE, jwks_url="http://127.0.0.1:9/", clock=lambda: NOW)
    assert await status(GOOD, USER, verifier=away) == (503, "keys_unavailable")


SIGNED_ROUTE = told_route(identity=replace(TOLD, signature=RequestAlgorithm.HMAC_SHA256))
SHARED = {"keys": [KeyRing((b"k" * 32,), scope=PUBLIC_URL).shared_keys("app")[0].secret_jwk()]}


async def ask_signed(
    kind: str = "http", *, known: bool = True, anonymous: bool = False, **changed: Any
) -> Any:
    """Return the scope that the app saw, or what was answered in its stead."""
    request = inbound(target=b"/a%20b?x=%41", path="/a b")
    outbound = dresser(SIGNED_ROUTE, clock=FakeClock(NOW)).dress(
        request, SIGNED_ROUTE, session() if known else None
    )
    told = received(outbound.head)
    seen: list[Message] = []
    sent: list[Message] = []

    async def app(scope: Message, _receive: object, _send: object) -> None:
        seen.append(scope)

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope: Message = {
        "type": kind,
        "method": "GET",
        "scheme": "http" if kind == "http" else "ws",
        "path": "/a b",
        "raw_path": b"/a%20b",
        "query_string": b"x=%41",
        "headers": [(name.lower().encode(), value.encode()) for name, value in told.fields],
        **changed,
    }
    verifier = SignatureVerifier(audience="app", shared=SHARED, clock=lambda: NOW)
    await RequireSignature(app, verifier, anonymous=anonymous)(scope, receive, send)
    return seen[0] if seen else sent


async def test_B47_a_signed_request_is_let_in_and_changed_ones_are_not() -> None:
    assert (await ask_signed())[CALLER].id == "u-1"
    for changed in (
        {"method": "POST"},
        {"path": "/a c", "raw_path": b"/a%20c"},
        {"path": "/other"},
        {"query_string": b"x=A"},
        {"query_string": b""},
    ):
        start, body = await ask_signed(**changed)
        assert (start["status"], json.loads(body["body"])["error"]) == (403, "signature_invalid")
    start, _ = await ask_signed(headers=[(b"host", b"127.0.0.1:9401")])
    assert start["status"] == 401


async def test_B47_a_signed_websocket_is_let_in_and_others_are_closed() -> None:
    assert (await ask_signed("websocket"))[CALLER].id == "u-1"
    refused = await ask_signed("websocket", query_string=b"")
    assert refused == [{"type": "websocket.close", "code": 1008, "reason": "signature_invalid"}]
    assert CALLER not in await ask_signed("lifespan")


async def test_a_signed_request_for_nobody_passes_only_where_that_is_wanted() -> None:
    assert (await ask_signed(known=False, anonymous=True))[CALLER] is None
    start, body = await ask_signed(known=False)
    assert (start["status"], json.loads(body["body"])["error"]) == (401, "caller_required")

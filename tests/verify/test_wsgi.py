"""WSGI over real sockets: nobody reaches the app past the gateway."""

import http.client
import json
import socket
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from threading import Thread
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest

from gateway.keys.keyring import KeyRing
from gateway.model.route import RequestAlgorithm
from gateway.verify import SignatureVerifier, Verifier
from gateway.verify.wsgi import CALLER, RequireAssertion, RequireSignature
from tests.fakes.assertions import AUDIENCE, ISSUER, NOW, jwks, new_key, signed
from tests.fakes.clock import FakeClock
from tests.fakes.dressing import PUBLIC_URL, TOLD, dresser, inbound, session, told_route
from tests.fakes.signed_requests import received

KEY = new_key()
VERIFIER = Verifier(issuer=ISSUER, audience=AUDIENCE, jwks=jwks(KEY), clock=lambda: NOW)
ASSERTION, USER = "X-Gateway-Assertion", "X-User-Id"
Ask = Callable[..., tuple[int, dict[str, Any]]]


class Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    caller = environ[CALLER]
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps({"caller": caller and caller.id, "kept": environ.get("HTTP_X_OTHER")}).encode()]


@pytest.fixture
def ask(request: pytest.FixtureRequest) -> Iterator[Ask]:
    guarded = RequireAssertion(app, VERIFIER, **getattr(request, "param", {}))
    server = make_server("127.0.0.1", 0, guarded, handler_class=Quiet)
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()

    def asked(*headers: tuple[str, str]) -> tuple[int, dict[str, Any]]:
        connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=5)
        connection.putrequest("GET", "/")
        for name, value in headers:
            connection.putheader(name, value)
        connection.endheaders()
        with connection.getresponse() as answer:
            found = answer.status, json.loads(answer.read())
        connection.close()
        return found

    yield asked
    server.shutdown()
    thread.join()
    server.server_close()


def test_B45_the_caller_is_put_into_the_environ_and_nothing_is_taken_out(ask: Ask) -> None:
    answer = ask((ASSERTION, signed(KEY)), (USER, "u-1"), ("X-Other", "kept"))
    assert answer == (200, {"caller": "u-1", "kept": "kept"})


def test_I15_a_request_that_did_not_pass_the_gateway_is_refused(ask: Ask) -> None:
    assert ask() == (401, {"error": "assertion_required"})
    assert ask((USER, "u-1")) == (401, {"error": "assertion_required"})
    assert ask((ASSERTION, signed(new_key())), (USER, "u-1")) == (403, {"error": "assertion_invalid"})
    assert ask((ASSERTION, ""), (USER, "u-1"))[0] == 403


def test_I14_doubled_and_contradicting_headers_are_refused(ask: Ask) -> None:
    good = (ASSERTION, signed(KEY))
    for headers in (
        (good,),
        (good, (USER, "u-2")),
        (good, (USER, "u-1"), (USER, "u-1")),
        (good, (USER, "u-1"), ("X_User_Id", "admin")),
        (good, good, (USER, "u-1")),
    ):
        assert ask(*headers)[0] == 403


@pytest.mark.parametrize("ask", [{"anonymous": True}], indirect=True)
def test_nobody_passes_as_nobody_only_where_that_is_wanted(ask: Ask) -> None:
    assert ask() == (200, {"caller": None, "kept": None})
    assert ask((USER, "u-1"))[0] == 401
    assert ask((ASSERTION, "x"))[0] == 403


@pytest.mark.parametrize("ask", [{"header": "X-Signed", "user_header": None}], indirect=True)
def test_the_headers_have_the_names_that_the_gateway_was_given(ask: Ask) -> None:
    assert ask(("X-Signed", signed(KEY)))[1]["caller"] == "u-1"


def test_keys_out_of_reach_are_503() -> None:
    away = Verifier(issuer=ISSUER, audience=AUDIENCE, jwks_url="http://127.0.0.1:9/", clock=lambda: NOW)
    heard: list[str] = []
    environ = {"HTTP_X_GATEWAY_ASSERTION": signed(KEY), "HTTP_X_USER_ID": "u-1"}
    RequireAssertion(app, away)(environ, lambda status, _headers: heard.append(status))
    assert heard == ["503 Service Unavailable"]


SIGNED_ROUTE = told_route(identity=replace(TOLD, signature=RequestAlgorithm.HMAC_SHA256))
SHARED = {"keys": [KeyRing((b"k" * 32,), scope=PUBLIC_URL).shared_keys("app")[0].secret_jwk()]}


@pytest.fixture
def send_bytes() -> Iterator[Callable[[bytes], int]]:
    """Send the very bytes of a head to a server that tells no raw target; return the status."""
    verifier = SignatureVerifier(audience="app", shared=SHARED, clock=lambda: NOW)
    server = make_server("127.0.0.1", 0, RequireSignature(app, verifier), handler_class=Quiet)
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()

    def sent(head: bytes) -> int:
        with socket.create_connection(("127.0.0.1", server.server_port), timeout=5) as connection:
            connection.sendall(head)
            return int(connection.makefile("rb").readline().split()[1])

    yield sent
    server.shutdown()
    thread.join()
    server.server_close()


def head_for(target: bytes, *, known: bool = True) -> bytes:
    outbound = dresser(SIGNED_ROUTE, clock=FakeClock(NOW)).dress(
        inbound(target=target), SIGNED_ROUTE, session() if known else None
    )
    return outbound.head


def test_B47_a_signed_request_is_let_in_as_it_came_over_the_wire(send_bytes: Callable[[bytes], int]) -> None:
    for target in (b"/page?x=1", b"/page", b"/page?", b"/a%20b?x=%41&y=%c3%a9", b"/"):
        assert send_bytes(head_for(target)) == 200


@pytest.mark.parametrize(
    ("was", "now", "status"),
    [
        (b"GET ", b"POST ", 403),
        (b"/page", b"/pagf", 403),
        (b"x=1", b"x=%31", 403),
        (b"Host: 127.0.0.1:9401", b"Host: other", 403),
        (b"X-User-Id: u-1", b"X-User-Id: u-2", 403),
        (b"X-User-Id: u-1", b"X-User-Id: u-1\r\nX_User_Id: admin", 403),
        (b"X-User-Roles: admin,editor\r\n", b"", 403),
        (b"Signature: ", b"Signature: gateway=:AAAA:\r\nSignature: ", 403),
        (b"Signature", b"X-Signature", 401),
    ],
)
def test_B47_I13_I14_a_changed_request_is_refused(
    send_bytes: Callable[[bytes], int], was: bytes, now: bytes, status: int
) -> None:
    head = head_for(b"/page?x=1")
    assert was in head
    assert send_bytes(head.replace(was, now)) == status


def test_a_signed_request_for_nobody_passes_only_where_that_is_wanted(
    send_bytes: Callable[[bytes], int],
) -> None:
    assert send_bytes(head_for(b"/page", known=False)) == 401
    heard: list[str] = []
    environ: dict[str, Any] = {
        "REQUEST_METHOD": "GET",
        "wsgi.url_scheme": "http",
        "PATH_INFO": "/page",
        **{
            f"HTTP_{name.upper().replace('-', '_')}": value
            for name, value in received(head_for(b"/page", known=False)).fields
        },
    }
    verifier = SignatureVerifier(audience="app", shared=SHARED, clock=lambda: NOW)
    RequireSignature(app, verifier, anonymous=True)(environ, lambda status, _headers: heard.append(status))
    assert heard == ["200 OK"]
    assert environ[CALLER] is None

"""A request, a session and a dresser with everything but what a test is about filled in."""

from typing import Any

from gateway.keys.keyring import KeyRing
from gateway.model.cookies import CookieNames
from gateway.model.identity import Identity
from gateway.model.inbound import Inbound, RawHeaders
from gateway.model.route import IdentityHeaders, Route
from gateway.model.session import Session
from gateway.model.upstream import Member, Upstream
from gateway.observe.trace import NewTraces
from gateway.request_keys import RequestKeys
from gateway.upstream.answer_head import AnswerHeads
from gateway.upstream.assertion import Assertions
from gateway.upstream.headers import Dresser, reserved_by
from gateway.upstream.names import Resolve
from gateway.upstream.outbound import Outbound
from gateway.upstream.pool import Pool
from gateway.upstream.reserved import Reserved
from gateway.upstream.signature import Signatures
from tests.fakes.clock import FakeClock
from tests.fakes.routes import route

PUBLIC_URL = "https://gate.example.com"
COOKIES = CookieNames(base="session", secure=True)
TOLD = IdentityHeaders(
    headers=(
        ("X-User-Id", "id"),
        ("X-User-Email", "email"),
        ("X-User-Name", "name"),
        ("X-User-Roles", "roles"),
        ("X-User-Groups", "groups"),
    ),
    assertion="X-Gateway-Assertion",
)
QUIET = IdentityHeaders(headers=TOLD.headers, assertion=None)


def inbound(*headers: tuple[bytes, bytes], **facts: Any) -> Inbound:
    raw: RawHeaders = ((b"Host", b"wiki.example.com"), *headers)
    defaults: dict[str, Any] = {
        "method": "GET",
        "target": b"/page?x=1",
        "path": "/page",
        "query": b"x=1",
        "host": "wiki.example.com",
        "scheme": "https",
        "headers": raw,
        "peer": "192.0.2.7",
        "client_ip": "192.0.2.7",
        "request_id": "req-1",
        "traceparent": "00-" + "a" * 32 + "-" + "b" * 16 + "-01",
    }
    return Inbound(**{**defaults, **facts})


def session(**facts: Any) -> Session:
    """Return a session of Ann; *facts* that `Session` does not have are her identity's."""
    ours = {name: facts.pop(name) for name in tuple(facts) if name in Session.__dataclass_fields__}
    identity = {
        "user_id": "u-1",
        "email": "ann@example.com",
        "name": "Ann",
        "roles": ("admin", "editor"),
        "groups": ("staff",),
        **facts,
    }
    defaults: dict[str, Any] = {
        "id": "sid-1",
        "token_id": "jti-1",
        "identity": Identity(**identity),
        "issued_at": 1_800_000_000,
        "lease_until": 1_800_000_600,
        "authenticated_at": 1_799_999_000,
        "ends_at": 1_802_000_000,
        "epoch": 0,
        "provider": "demo",
        "issuer": "https://issuer.example.com",
        "subject": "sub-1",
    }
    return Session(**{**defaults, **ours})


def told_route(path: str = "/", **facts: Any) -> Route:
    return route(path, **{"identity": QUIET, **facts})


def dresser(*routes: Route, clock: FakeClock | None = None) -> Dresser:
    """Return a dresser for *routes*, with real keys and no randomness."""
    ring, clock = KeyRing((b"k" * 32,), scope=PUBLIC_URL), clock or FakeClock()
    return Dresser(
        reserved=reserved_by(routes or (told_route(),)),
        cookies=COOKIES,
        assertions=Assertions(
            ring.signing_keys(),
            issuer=PUBLIC_URL,
            clock=clock,
        ),
        signatures=Signatures(RequestKeys(ring, given={}), clock=clock, random=lambda count: b"\x22" * count),
        new_trace=NewTraces(lambda count: b"\x11" * count),
    )


def lines_of(outbound: Outbound) -> list[bytes]:
    """Return the header lines of *outbound*, without the request line."""
    return outbound.head.removesuffix(b"\r\n\r\n").split(b"\r\n")[1:]


def values(outbound: Outbound, name: bytes) -> list[bytes]:
    """Return what *outbound* says under *name*, compared in any case."""
    fields = [line.split(b": ", 1) for line in lines_of(outbound)]
    return [field[1] for field in fields if field[0].lower() == name.lower()]


def asking(method: str = "GET", target: bytes = b"/", *, body: int | None = None) -> Outbound:
    """Return a bare request, as for a test of the wire; *body* -1 announces chunks."""
    framing = b"" if body is None else b"Content-Length: %d\r\n" % body
    if body == -1:
        framing = b"Transfer-Encoding: chunked\r\n"
    head = b"%s %s HTTP/1.1\r\nHost: app\r\n%s\r\n" % (method.encode(), target, framing)
    return Outbound(method=method, head=head, length=None if body == -1 else body, chunked=body == -1)


def pool_at(upstream: Upstream, heads: AnswerHeads | None = None, *, resolve: Resolve | None = None) -> Pool:
    """Return the connections to an app that listens in one place."""
    heads = heads or AnswerHeads(Reserved(()).answers)
    return Pool(upstream, upstream.members[0], heads=heads, resolve=resolve)


def upstream_at(port: int, **facts: Any) -> Upstream:
    """Return an app on that port of this machine; *facts* that a member has are its own."""
    place = {name: facts.pop(name) for name in tuple(facts) if name in Member.__dataclass_fields__}
    member = Member(**{"host": "127.0.0.1", "port": port, **place})
    return Upstream(**{"name": "app", "members": (member,), "audience": "app", **facts})

"""What the upstream side of a request costs: dress, send and relay, in requests a second and CPU time.

    python -m tests.bench.upstream_cost [--seconds 3] [--clients 32] [--loop uvloop] [--profile]

The upstream is a raw protocol in a process of its own, which answers 330 bytes without parsing; the
figures are those of this process. Prints one JSON object.
"""

import argparse
import asyncio
import cProfile
import json
import multiprocessing
import pstats
import sys
import time
from multiprocessing.connection import Connection as Pipe

from gateway.model.cookies import CookieNames
from gateway.model.identity import Identity
from gateway.model.inbound import Inbound
from gateway.model.route import IdentityHeaders, Route
from gateway.model.session import Session
from gateway.model.upstream import Member, Upstream
from gateway.upstream.answer_head import AnswerHeads
from gateway.upstream.assertion import Assertions
from gateway.upstream.headers import Dresser, reserved_by
from tests.fakes.dressing import pool_at

ANSWER = (
    b"HTTP/1.1 200 OK\r\nServer: bench\r\nDate: Mon, 01 Jan 2024 00:00:00 GMT\r\n"
    b"Content-Type: text/html; charset=utf-8\r\nCache-Control: no-store\r\nETag: abc\r\n"
    b"Content-Length: 130\r\n\r\n" + b"x" * 130
)


class _Blunt(asyncio.Protocol):
    """Answers each packet that ends a head."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        if data.endswith(b"\r\n\r\n"):
            self._transport.write(ANSWER)


def _upstream(pipe: Pipe) -> None:
    async def serve() -> None:
        server = await asyncio.get_running_loop().create_server(_Blunt, "127.0.0.1", 0)
        pipe.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    _runner("uvloop").run(serve())


def _runner(loop: str) -> asyncio.Runner:
    if loop == "asyncio":
        return asyncio.Runner()
    import uvloop

    return asyncio.Runner(loop_factory=uvloop.new_event_loop)


class _Key:
    kid = "k1"
    alg = "ES256"

    def sign(self, data: bytes) -> bytes:
        return b"s" * 64


class _Signing:
    current = _Key()


def _route(port: int) -> Route:
    return Route(
        name="bench",
        host=None,
        path="/",
        upstream=Upstream(name="bench", members=(Member(host="127.0.0.1", port=port),), audience="bench"),
        identity=IdentityHeaders(
            headers=(
                ("X-User-Id", "id"),
                ("X-User-Email", "email"),
                ("X-User-Name", "name"),
                ("X-User-Roles", "roles"),
                ("X-User-Groups", "groups"),
            ),
            assertion="X-Gateway-Assertion",
        ),
    )


INBOUND = Inbound(
    method="GET",
    target=b"/some/page?x=1",
    path="/some/page",
    query=b"x=1",
    host="wiki.example.com",
    scheme="https",
    headers=(
        (b"Host", b"wiki.example.com"),
        (b"User-Agent", b"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140 Safari/537.36"),
        (b"Accept", b"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
        (b"Accept-Language", b"en-US,en;q=0.5"),
        (b"Accept-Encoding", b"gzip, deflate, br"),
        (b"Connection", b"keep-alive"),
        (b"Cookie", b"theme=dark; __Host-session=" + b"e" * 600 + b"; lang=en"),
        (b"Sec-Fetch-Mode", b"navigate"),
        (b"Sec-Fetch-Site", b"same-origin"),
    ),
    peer="10.1.2.3",
    client_ip="10.1.2.3",
    request_id="0192f7a0c0de4aaab0b0c0c0d0d0e0e0",
)

SESSION = Session(
    id="sid",
    token_id="jti",
    identity=Identity(
        user_id="u1", email="ann@example.com", name="Ann", roles=("admin",), groups=("a", "b", "c")
    ),
    issued_at=0,
    lease_until=2**40,
    authenticated_at=0,
    ends_at=2**40,
    epoch=0,
    provider="demo",
    issuer="https://issuer.example",
    subject="1",
)


def _dresser(route: Route) -> Dresser:
    return Dresser(
        reserved=reserved_by([route]),
        cookies=CookieNames(base="session", secure=True),
        assertions=Assertions(_Signing(), issuer="https://gate.example", clock=time.time),
    )


async def _measure(port: int, *, seconds: float, clients: int) -> dict[str, float]:
    route = _route(port)
    dresser = _dresser(route)
    pool = pool_at(route.upstream, AnswerHeads(reserved_by([route]).answers))
    end = time.perf_counter() + seconds
    done = 0

    async def client() -> None:
        nonlocal done
        while time.perf_counter() < end:
            async with pool.send(dresser.dress(INBOUND, route, SESSION)) as answer:
                body = answer.whole()
                if body is None:
                    body = b"".join([piece async for piece in answer.chunks()])
            if len(body) != 130:
                raise RuntimeError("short answer")
            done += 1

    cpu, wall = time.process_time(), time.perf_counter()
    await asyncio.gather(*[client() for _ in range(clients)])
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    await pool.close()
    return {"requests_per_second": round(done / wall), "cpu_us_per_request": round(cpu / done * 1e6, 2)}


def _dress_cost(port: int, *, rounds: int = 50_000) -> float:
    route = _route(port)
    dresser = _dresser(route)
    dresser.dress(INBOUND, route, SESSION)
    start = time.process_time()
    for _ in range(rounds):
        dresser.dress(INBOUND, route, SESSION)
    return round((time.process_time() - start) / rounds * 1e6, 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--loop", choices=("uvloop", "asyncio"), default="uvloop")
    parser.add_argument("--profile", action="store_true")
    chosen = parser.parse_args()
    ours, theirs = multiprocessing.Pipe()
    upstream = multiprocessing.get_context("spawn").Process(target=_upstream, args=(theirs,), daemon=True)
    upstream.start()
    port: int = ours.recv()
    profile = cProfile.Profile()
    with _runner(chosen.loop) as runner:
        if chosen.profile:
            profile.enable()
        figures = runner.run(_measure(port, seconds=chosen.seconds, clients=chosen.clients))
        profile.disable()
    upstream.terminate()
    json.dump({"loop": chosen.loop, **figures, "dress_cpu_us": _dress_cost(port)}, sys.stdout)
    sys.stdout.write("\n")
    if chosen.profile:
        pstats.Stats(profile).sort_stats("tottime").print_stats(25)


if __name__ == "__main__":
    main()

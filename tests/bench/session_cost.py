"""What a stateless session costs a request: `python -m tests.bench.session_cost` prints microseconds."""

import asyncio
import sys
from collections.abc import Callable
from timeit import repeat

from gateway.model.inbound import RawHeaders
from gateway.sessions import claims
from gateway.sessions.cookies import values
from gateway.sessions.pieces import SessionCookie
from tests.fakes.sessions import NAMES, POLICY, Node, user_with_long_groups

ROUNDS, EACH = 7, 3000
BROWSER: RawHeaders = (
    (b"Host", b"gw.example.com"),
    (b"User-Agent", b"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
    (b"Accept", b"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
    (b"Accept-Language", b"en-US,en;q=0.5"),
    (b"Accept-Encoding", b"gzip, deflate, br, zstd"),
    (b"Sec-Fetch-Dest", b"document"),
    (b"Sec-Fetch-Mode", b"navigate"),
    (b"Sec-Fetch-Site", b"same-origin"),
)


def cost(work: Callable[[], object]) -> float:
    """Return the microseconds that *work* takes in the best of some rounds."""
    return min(repeat(work, number=EACH, repeat=ROUNDS)) / EACH * 1e6


def figures() -> dict[str, float]:
    node, big = Node(), Node()
    session = node.sign_in()
    big.sign_in(user_with_long_groups(5000))
    headers = BROWSER + node.browser.headers()[1:]
    crowded = (*BROWSER, (b"Cookie", b"theme=dark; lang=en; " * 5 + headers[-1][1]))
    split = BROWSER + big.browser.headers()[1:]
    payload = claims.encode(session, audience=POLICY.audience, pieces=1)
    sealed = node.sealer.seal(payload)
    cookie = SessionCookie(NAMES)

    def cold() -> object:
        node.sessions._opened._opened.clear()
        return node.sessions.load(headers)

    return {
        f"seal {len(payload)} B of claims to {len(sealed)} B": cost(lambda: node.sealer.seal(payload)),
        "open": cost(lambda: node.sealer.open(sealed)),
        "claims, write": cost(lambda: claims.encode(session, audience=POLICY.audience, pieces=1)),
        "claims, read": cost(lambda: claims.decode(payload, audience=POLICY.audience, pieces=1)),
        "read our cookie by name, 9 headers": cost(lambda: values(headers, NAMES.session)),
        "read our cookie in every variant": cost(lambda: cookie.shown(headers)),
        "load, anonymous": cost(lambda: node.sessions.load(BROWSER)),
        "load, warm": cost(lambda: node.sessions.load(headers)),
        "load, warm, 10 other cookies": cost(lambda: node.sessions.load(crowded)),
        "load, warm, 3 pieces": cost(lambda: big.sessions.load(split)),
        "load, cold": cost(cold),
        "cookies: seal and write": cost(lambda: node.sessions.cookies(session, headers)),
    }


async def renewal() -> float:
    """Return the microseconds of a renewal whose lookup costs nothing."""
    node = Node()
    session = node.sign_in()
    node.clock.advance(600)
    loop = asyncio.get_running_loop()
    begun = loop.time()
    for _ in range(EACH):
        await node.sessions.renew(session)
    return (loop.time() - begun) / EACH * 1e6


def main() -> None:
    rows = {**figures(), "renew, without the database": asyncio.run(renewal())}
    for name, microseconds in rows.items():
        sys.stdout.write(f"{microseconds:8.2f} us  {name}\n")


if __name__ == "__main__":
    main()

"""Each of many cookies once, at an even pace: `python -m tests.bench.parade` prints how each was answered.

Reads Cookie headers' values, one a line, and sends a GET to /api with each, whether or not answers come.
"""

import argparse
import asyncio
import json
import sys
import time
from collections import Counter

CONNECTIONS = 64


async def march(port: int, cookies: list[str], *, every: float, first: float) -> Counter[str]:
    """Present *cookies* on one connection, one each *every* seconds."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    statuses = Counter[str]()
    for number, cookie in enumerate(cookies):
        await asyncio.sleep(max(0.0, first + number * every - time.monotonic()))
        writer.write(f"GET /api HTTP/1.1\r\nHost: localhost:{port}\r\nCookie: {cookie}\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0]))
        statuses[head.split(b" ", 2)[1].decode()] += 1
    writer.close()
    return statuses


async def parade(port: int, cookies: list[str], *, rate: float) -> Counter[str]:
    began, every = time.monotonic() + 0.1, CONNECTIONS / rate
    marches = [
        march(port, cookies[number::CONNECTIONS], every=every, first=began + number / rate)
        for number in range(CONNECTIONS)
    ]
    return sum(await asyncio.gather(*marches), Counter[str]())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--rate", type=float, required=True)
    given = parser.parse_args()
    cookies = sys.stdin.read().splitlines()
    json.dump(asyncio.run(parade(given.port, cookies, rate=given.rate)), sys.stdout)


if __name__ == "__main__":
    main()

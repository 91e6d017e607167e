"""A client with an even pace: `python -m tests.bench.trickle` sends GETs and prints latencies.

Each request is due at its moment, and where the answer to the one before it came later than that,
its latency counts from then: a server that stands still is not asked less often (no coordinated
omission). Runs as a process of its own, so that no other client's work delays its clock. Reads a
Cookie header's value, prints one JSON object.
"""

import argparse
import asyncio
import json
import statistics
import sys
import time

CONNECTIONS = 16


async def pace(port: int, head: bytes, *, every: float, until: float, first: float) -> list[float]:
    """Send *head* each *every* seconds on one connection; return the latencies in seconds."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    taken, due = [], first
    while due < until:
        began = due
        if (early := due - time.monotonic()) > 0:
            await asyncio.sleep(early)
            began = time.monotonic()  # our own clock's lateness is not the server's
        writer.write(head)
        status = await reader.readuntil(b"\r\n\r\n")
        length = int(status.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
        body = await reader.readexactly(length)
        if b" 200 " not in status.split(b"\r\n")[0]:
            raise SystemExit(f"the gateway answered {status + body!r}")
        taken.append(time.monotonic() - began)
        due += every
    writer.close()
    return taken


async def trickle(port: int, head: bytes, *, rate: float, seconds: float) -> list[float]:
    """Return the latencies of *rate* requests a second, spread evenly over the connections."""
    every, began = CONNECTIONS / rate, time.monotonic() + 0.1
    paces = [
        pace(port, head, every=every, until=began + seconds, first=began + number / rate)
        for number in range(CONNECTIONS)
    ]
    return [latency for each in await asyncio.gather(*paces) for latency in each]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--rate", type=float, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    given, cookie = parser.parse_args(), sys.stdin.read()
    head = f"GET / HTTP/1.1\r\nHost: localhost:{given.port}\r\nCookie: {cookie}\r\n\r\n".encode()
    taken = asyncio.run(trickle(given.port, head, rate=given.rate, seconds=given.seconds))
    cuts = [cut * 1000 for cut in statistics.quantiles(taken, n=100)]
    figures = {"p50": cuts[49], "p99": cuts[98], "worst": max(taken) * 1000, "requests": len(taken)}
    json.dump(figures, sys.stdout)


if __name__ == "__main__":
    main()

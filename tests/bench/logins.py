"""Password logins at an even pace, each on a connection of its own: `python -m tests.bench.logins`.

Reads what the forms hold as JSON, prints how often each status was answered. Fails where it had not the
time to offer them at that pace.
"""

import argparse
import asyncio
import json
import re
import sys
import time
from collections import Counter
from urllib.parse import urlencode

LATE = 0.1  # of the time: beyond, nothing was measured


def request(port: int, form: dict[str, str], number: int) -> bytes:
    """Return the login of the person of that *number*."""
    name = f"person-{number}@example.com"
    body = urlencode({"csrfToken": form["token"], "username": name, "password": form["password"]}).encode()
    head = (
        "POST /.gateway/callback/local HTTP/1.1",
        f"Host: localhost:{port}",
        f"Origin: http://localhost:{port}",
        f"Cookie: {form['cookie']}",
        "Accept: text/html",
        "Content-Type: application/x-www-form-urlencoded",
        f"Content-Length: {len(body)}",
        "Connection: close",
    )
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


async def log_in(port: int, sent: bytes) -> str:
    """Return the status of the answer to *sent*."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sent)
    answer = await reader.read()
    writer.close()
    status = re.match(rb"HTTP/1.1 (\d{3})", answer)
    return status[1].decode() if status else "none"


async def offer(port: int, requests: list[bytes], *, rate: float, seconds: float) -> Counter[str]:
    """Send *requests* in turn, *rate* a second whether or not answers come."""
    began, under_way = time.monotonic(), []
    for number in range(int(rate * seconds)):
        await asyncio.sleep(max(0.0, began + number / rate - time.monotonic()))
        under_way.append(asyncio.create_task(log_in(port, requests[number % len(requests)])))
    if (late := time.monotonic() - began - seconds) > LATE * seconds:
        raise SystemExit(f"the logins were not offered at their pace: {late:.2f} s late")
    return Counter(await asyncio.gather(*under_way))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--rate", type=float, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--people", type=int, required=True)
    given, form = parser.parse_args(), json.load(sys.stdin)
    requests = [request(given.port, form, number) for number in range(given.people)]
    answers = asyncio.run(offer(given.port, requests, rate=given.rate, seconds=given.seconds))
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()

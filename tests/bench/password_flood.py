"""Two hundred password logins a second, more than two cores can hash: what others notice of them.

The gateway has one core for everything, hashing included. The 99th percentile of proxied requests is
taken in turn without and with the logins: at an even pace that leaves the core idle most of the time,
and at all that 32 connections ask for. Names and passwords are right, so that what the gateway does not
do is what it has no time for; it must say so (503) and not queue.
"""

import asyncio
import json
import statistics
import time
from collections import Counter
from collections.abc import Awaitable, Callable

from gateway.keys.password import OWASP, Passwords
from gateway.store.database import Database
from tests.bench.load import Contender, load
from tests.bench.paced import even_pace, printed
from tests.bench.stage import Gateway, Plan, Stage

OFFERED = 200
PEOPLE = 50
MOST = 2.0
PASSWORD = "correct horse battery staple"

Form = tuple[str, str]
Latency = dict[str, float]

SETTLED = 1.0  # seconds after which nothing of a flood waits to be hashed

_TABLES = '[[providers]]\nid = "local"\nname = "Password"\ntype = "password"\n'


async def measure(stage: Stage, *, rounds: int, seconds: int) -> dict[str, object]:
    """Return the p99 of proxied requests with the logins over that without them."""
    async with stage.gateway("passwords", Plan(tables=_TABLES)) as gateway:
        await _enrol(gateway)
        form, cookie = await _form(gateway), await gateway.signed_in()
        contender = gateway.presenting([cookie])
        even = await _compared(
            gateway, form, rounds, seconds, traffic=lambda: even_pace(gateway, cookie, seconds=seconds)
        )
        full = await _compared(gateway, form, rounds, seconds, traffic=lambda: _full(contender, seconds))
    return {
        "even pace": even,
        "full load": full,
        "ratio": {
            "even pace, with logins / without": even["ratio"],
            "full load, with logins / without": full["ratio"],
        },
        "most": MOST,
    }


async def _compared(
    gateway: Gateway, form: Form, rounds: int, seconds: int, *, traffic: Callable[[], Awaitable[Latency]]
) -> dict[str, object]:
    without, with_logins, answers = [], [], Counter[str]()
    await traffic()
    for _ in range(rounds):
        without.append(await traffic())
        flood = asyncio.create_task(_flood(gateway, form, seconds=seconds))
        with_logins.append(await traffic())
        answers.update(await flood)
        await asyncio.sleep(SETTLED)
    pairs = zip(with_logins, without, strict=True)
    return {
        "rounds": {"without": without, "with": with_logins},
        "ms": {"without": _median(without), "with": _median(with_logins)},
        "ratio": round(statistics.median(loud["p99"] / quiet["p99"] for loud, quiet in pairs), 2),
        "answers": dict(answers),
    }


async def _enrol(gateway: Gateway) -> None:
    passwords = Passwords(profile=OWASP)
    hashed = await passwords.hash(PASSWORD.encode())
    await passwords.close()
    database = await Database.open(gateway.settings.database.url, clock=time.time)
    for number in range(PEOPLE):
        await database.users.add(f"person-{number}@example.com", password_hash=hashed)
    await database.close()


async def _form(gateway: Gateway) -> Form:
    """Return a form's token and the Cookie header that it goes with."""
    browser = gateway.browser()
    page = await browser.navigate(f"{gateway.url}/.gateway/signin")
    kept = "; ".join(f"{name}={value}" for name, value in browser.cookies["localhost"].items())
    return page.hidden("csrfToken"), kept


async def _flood(gateway: Gateway, form: Form, *, seconds: int) -> Counter[str]:
    token, cookie = form
    given = json.dumps({"token": token, "cookie": cookie, "password": PASSWORD})
    flags = {"port": gateway.port, "rate": OFFERED, "seconds": seconds, "people": PEOPLE}
    return Counter(await printed("logins", given=given, gives_way=True, **flags))


async def _full(contender: Contender, seconds: int) -> Latency:
    found = await asyncio.to_thread(load, contender, seconds=seconds)
    return {"p50": found.p50, "p99": found.p99}


def _median(found: list[Latency]) -> Latency:
    return {name: round(statistics.median(each[name] for each in found), 2) for name in ("p50", "p99")}

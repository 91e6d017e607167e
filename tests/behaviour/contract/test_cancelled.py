"""A browser that hangs up, at any moment of a login, a renewal or a logout, leaves nothing half done.

The client's connection is reset at random steps of the event loop, from the request's first to beyond
its last, by a fixed seed. Afterwards the gateway must be as if the request had been made, or not.
"""

import asyncio
import os
import random
from collections.abc import Awaitable, Callable, Iterator
from types import CoroutineType
from urllib.parse import urlencode, urlsplit

import pytest

from tests.fakes.browser import Browser
from tests.fakes.databases import raw
from tests.fakes.gateway import HOST
from tests.fakes.keepings import STATELESS, Keeping
from tests.fakes.passwords import RIGHT, hash_of
from tests.fakes.raw_client import RawConnection
from tests.fakes.scene import COOKIE, Scene

pytestmark = pytest.mark.parametrize("kept", [STATELESS, "sqlite push"], indirect=True)

POINTS = 25  # of each story: a hundred in all, for each way to keep sessions
LOCAL = '\n[[providers]]\nid = "local"\nname = "Password"\ntype = "password"\n'
ANN = "ann@example.com"

HALVES = {
    "an account of nobody": "SELECT 1 FROM accounts WHERE user_id NOT IN (SELECT id FROM users)",
    "a user who cannot sign in": "SELECT 1 FROM users WHERE id NOT IN (SELECT user_id FROM accounts)"
    " AND id NOT IN (SELECT user_id FROM passwords)",
    "a session of nobody": "SELECT 1 FROM sessions WHERE user_id NOT IN (SELECT id FROM users)",
    "a session that nobody can see": "SELECT 1 FROM sessions WHERE key NOT IN (SELECT session FROM sign_ins)",
    "a sign-in of nobody": "SELECT 1 FROM sign_ins WHERE user_id NOT IN (SELECT id FROM users)",
}


def halves(at: Scene, kept: Keeping) -> list[str]:
    """Return what is in the database and belongs to nothing."""
    found = dict(HALVES)
    if kept.stateful:
        found["a sign-in without its session"] = (
            "SELECT 1 FROM sign_ins WHERE session NOT IN (SELECT key FROM sessions)"
        )
    connection = raw(at.folder)
    try:
        return [half for half, query in found.items() if connection.execute(query).fetchone()]
    finally:
        connection.close()


def request(browser: Browser, url: str, *, form: dict[str, str] | None = None) -> bytes:
    """Return the bytes that *browser* would send."""
    parts = urlsplit(url)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    cookies = "; ".join(f"{name}={value}" for name, value in browser.cookies.get(HOST, {}).items())
    lines = [f"{'POST' if form else 'GET'} {target} HTTP/1.1", f"Host: {HOST}", f"Cookie: {cookies}"]
    body = urlencode(form or {}).encode()
    if form:
        lines += [
            "Content-Type: application/x-www-form-urlencoded",
            f"Content-Length: {len(body)}",
            f"Origin: https://{HOST}",
        ]
    return "\r\n".join([*lines, "Accept: text/html", "", ""]).encode() + body


async def steps(work: Awaitable[object], *, most: int | None = None) -> int:
    """Let the loop run until *work* is done, at most *most* steps; return how many it took."""
    task, taken = asyncio.ensure_future(work), 0
    while not task.done() and (most is None or taken < most):
        await asyncio.sleep(0)
        taken += 1
    if not task.done():
        task.cancel()
        await asyncio.wait([task])
    return taken


async def whole(at: Scene, data: bytes) -> None:
    answer = await at.raw(data)
    assert answer.status < 500, answer


async def hung_up(at: Scene, data: bytes, *, after: int) -> None:
    """Send *data* and reset the connection after so many steps of the loop."""
    connection = await RawConnection.open(at.gate.port)
    connection.writer.write(data)
    for _ in range(after):
        await asyncio.sleep(0)
    connection.writer.transport.abort()


def at_work() -> set[str]:
    """Return what runs of the gateway's own code; connections that a pool keeps are none of it."""
    running = (task.get_coro() for task in asyncio.all_tasks())
    code = [each.cr_code for each in running if isinstance(each, CoroutineType)]
    return {each.co_qualname for each in code if f"{os.sep}gateway{os.sep}" in each.co_filename}


async def settled(at: Scene, before: set[str]) -> None:
    """Return once nothing of the gateway's runs that did not run before; fails where something goes on."""
    async with asyncio.timeout(10):
        while at.gate.app._metrics.in_flight or at_work() - before:
            await asyncio.sleep(0.001)


Story = Callable[[Scene], Awaitable[tuple[bytes, Callable[[], Awaitable[None]]]]]
"""Prepares a request; what it returns last tells whether the world is whole after it, or after half of it."""


def login() -> Story:
    people: Iterator[str] = (f"person{number}" for number in range(1000))

    async def prepared(at: Scene) -> tuple[bytes, Callable[[], Awaitable[None]]]:
        browser, person = at.gate.browser(), next(people)
        at.issuer.users[person] = {"sub": person, "email": f"{person}@example.com", "email_verified": True}
        at.issuer.user = person
        page = await browser.navigate(f"{at.ours}/signin/issuer?return_to=/", follow=False)
        data = request(browser, at.issuer.consent(page.location))

        async def check() -> None:
            again = at.gate.browser()
            page = await again.navigate(f"{at.ours}/signin/issuer?return_to=/x")
            assert page.status == 200
            used = await browser.navigate(at.url + "/")
            assert used.status == 200

        return data, check

    return prepared


async def password(at: Scene) -> tuple[bytes, Callable[[], Awaitable[None]]]:
    browser = at.gate.browser()
    form = {"csrfToken": await at.csrf(browser), "username": ANN, "password": RIGHT}
    data = request(browser, f"{at.ours}/callback/local", form=form)

    async def check() -> None:
        page = await browser.submit(f"{at.ours}/callback/local", form, follow=False)
        assert page.status == 303
        assert (await browser.fetch(at.url + "/x")).status == 200

    return data, check


async def signed_in(at: Scene) -> Browser:
    browser = at.gate.browser()
    form = {"csrfToken": await at.csrf(browser), "username": ANN, "password": RIGHT}
    assert (await browser.submit(f"{at.ours}/callback/local", form, follow=False)).status == 303
    return browser


async def renewal(at: Scene) -> tuple[bytes, Callable[[], Awaitable[None]]]:
    browser = await signed_in(at)
    at.clock.advance(601)

    async def check() -> None:
        assert (await browser.fetch(at.url + "/x")).status == 200

    return request(browser, at.url + "/x"), check


async def logout(at: Scene) -> tuple[bytes, Callable[[], Awaitable[None]]]:
    browser = await signed_in(at)
    form = {"csrfToken": await at.csrf(browser)}

    async def check() -> None:
        at.clock.advance(601)
        once = (await browser.fetch(at.url + "/x")).status
        assert once in (200, 401)
        page = await browser.submit(f"{at.ours}/signout", form, follow=False)
        assert page.status == 303
        assert COOKIE not in browser.cookies[HOST]

    return request(browser, f"{at.ours}/signout", form=form), check


STORIES: dict[str, Callable[[], Story]] = {
    "login": login,
    "password": lambda: password,
    "renewal": lambda: renewal,
    "logout": lambda: logout,
}


@pytest.mark.parametrize("name", STORIES)
async def test_D14_a_client_that_hangs_up_anywhere_leaves_nothing_half_done(kept: Keeping, name: str) -> None:
    story, moments = STORIES[name](), random.Random(name)
    async with kept.scene(more=LOCAL) as at:
        async with at.store() as store:
            await store.users.add(ANN, password_hash=await hash_of())
        data, check = await story(at)
        length = await steps(whole(at, data))
        for _ in range(POINTS):
            data, check = await story(at)
            before = at_work()
            await hung_up(at, data, after=moments.randrange(length + 10))
            await settled(at, before)
            assert halves(at, kept) == []
            await check()
    assert not at.gate.events("request.fault")

"""What holds of a gateway whose store is away, whatever the store is."""

import asyncio
import time

from tests.fakes.browser import Browser, Page
from tests.fakes.raw_client import RawConnection, get
from tests.fakes.scene import COOKIE, Scene

LIMIT = 0.3
SLACK = 3.0  # for machines that are busy with other tests: an endless wait is what is held out


async def timed(browser: Browser, url: str) -> tuple[Page, float]:
    began = time.monotonic()
    page = await browser.fetch(url)
    return page, time.monotonic() - began


async def unavailable(at: Scene, browser: Browser, *, requests: int = 10) -> None:
    """Hold that so many *requests* in a row are 503 in time, with nothing forwarded and the cookie kept."""
    before, cookie = len(at.app.requests), browser.cookie(at.url, COOKIE)
    for _ in range(requests):
        page, took = await timed(browser, at.url + "/x")
        assert (page.status, page.set_cookies) == (503, [])
        assert int(page.answer.values("retry-after")[0]) > 0
        assert took < LIMIT + SLACK
    assert len(at.app.requests) == before
    assert browser.cookie(at.url, COOKIE) == cookie
    async with await RawConnection.open(at.gate.admin_port) as connection:
        began = time.monotonic()
        await connection.write(get("/livez", host=f"127.0.0.1:{at.gate.admin_port}"))
        assert (await connection.answer()).status == 200
        assert time.monotonic() - began < 0.1 + SLACK


async def ready(at: Scene, status: int) -> None:
    async with asyncio.timeout(2 + SLACK):
        while True:
            async with await RawConnection.open(at.gate.admin_port) as connection:
                host = f"127.0.0.1:{at.gate.admin_port}"
                await connection.write(get("/readyz", "Connection: close", host=host))
                if (await connection.answer()).status == status:
                    return
            await asyncio.sleep(0.02)


async def recovers(at: Scene, browser: Browser) -> Page:
    """Return the first answer that is no 503, which must come within two seconds."""
    async with asyncio.timeout(2 + SLACK):
        while (page := await browser.fetch(at.url + "/x")).status == 503:
            await asyncio.sleep(0.02)
    return page

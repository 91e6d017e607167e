"""Row U23: however many log in at once, an issuer is asked by a bounded number, and nobody waits for ever."""

import asyncio
from pathlib import Path

import pytest

from gateway.relying_party import http
from tests.fakes.browser import Browser, Page
from tests.fakes.issuer import HostileIssuer
from tests.fakes.scene import scene


class CountingIssuer(HostileIssuer):
    """Counts the calls of its token endpoint that it has not answered; `full` is set at the third."""

    def __init__(self, **keys: object) -> None:
        super().__init__(**keys)  # type: ignore[arg-type]
        self.calls = 0
        self.full = asyncio.Event()

    async def _broken_token_answer(self, request: object) -> object:  # type: ignore[override]
        self.calls += 1
        if self.calls == 3:
            self.full.set()
        return await super()._broken_token_answer(request)  # type: ignore[arg-type]


async def test_U23_beyond_the_calls_that_may_run_a_login_waits_and_is_then_503(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "CALLS_AT_ONCE", 3)
    monkeypatch.setattr(http, "LONGEST_WAIT", 0.2)
    async with scene(tmp_path, issued_by=CountingIssuer) as at:
        await at.signed_in()  # who the issuer is, is known
        issuer = at.issuer
        assert isinstance(issuer, CountingIssuer)
        departed: list[tuple[Browser, str]] = []
        for _ in range(10):
            browser = at.gate.browser()
            departed.append((browser, await at.departed(browser)))
        issuer.calls = 0
        issuer.fault = "token_hangs"

        def back(browser: Browser, url: str) -> "asyncio.Task[Page]":
            return asyncio.create_task(browser.navigate(url, follow=False))

        hanging = [back(*each) for each in departed[:3]]
        async with asyncio.timeout(20):
            await issuer.full.wait()
        turned_away = await asyncio.gather(*[back(*each) for each in departed[3:]])
        assert [page.status for page in turned_away] == [503] * 7
        assert all(page.answer.values("retry-after") for page in turned_away)
        assert issuer.calls == 3
        issuer.fault = ""
        for each in hanging:
            each.cancel()
        await asyncio.wait(hanging)
        page = await at.gate.browser().navigate(at.url + "/")  # the places are free again
        assert page.status == 200

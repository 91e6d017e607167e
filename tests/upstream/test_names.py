"""A name is asked for once by all, and what was said is believed for a moment only (row U25)."""

import asyncio

import pytest

from gateway.upstream import names
from gateway.upstream.names import Whereabouts


class Names:
    """Answers once it is let; `asked` counts the questions."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses
        self.asked = 0
        self.fails: Exception | None = None
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def resolve(self, host: str) -> tuple[str, ...]:
        self.asked += 1
        await self.may_answer.wait()
        if self.fails is not None:
            raise self.fails
        return self.addresses


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
async def test_an_address_is_where_it_says(address: str) -> None:
    there = Names("192.0.2.1")
    found = await Whereabouts(address, resolve=there.resolve).now()
    assert (found.addresses, there.asked) == ((address,), 0)


async def test_the_system_is_asked_for_a_name() -> None:
    found = await Whereabouts("localhost").now()
    assert set(found.addresses) <= {"127.0.0.1", "::1"}
    with pytest.raises(OSError):  # noqa: PT011 - whatever the system says
        await Whereabouts("nowhere.invalid").now()


async def test_U24_all_who_want_to_know_at_once_ask_one_question() -> None:
    there = Names("192.0.2.1")
    there.may_answer.clear()
    where = Whereabouts("app.internal", resolve=there.resolve)
    asking = [asyncio.create_task(where.now()) for _ in range(100)]
    await asyncio.sleep(0)
    asking[0].cancel()
    there.may_answer.set()
    found = await asyncio.gather(*asking, return_exceptions=True)
    assert isinstance(found[0], asyncio.CancelledError)
    assert all(each is found[1] for each in found[1:])
    assert there.asked == 1


async def test_U25_an_answer_serves_for_a_moment_and_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    there = Names("192.0.2.1")
    where = Whereabouts("app.internal", resolve=there.resolve)
    first = await where.now()
    assert await where.now() is first
    monkeypatch.setattr(names, "KEPT", 0.0)
    there.addresses = ("192.0.2.2",)
    assert (await where.now()).addresses == ("192.0.2.2",)
    assert there.asked == 2


async def test_U25_a_failure_is_told_to_whoever_waits_and_not_kept() -> None:
    there = Names("192.0.2.1")
    there.fails = OSError("no such name")
    where = Whereabouts("app.internal", resolve=there.resolve)
    with pytest.raises(OSError, match="no such name"):
        await where.now()
    there.fails = None
    assert (await where.now()).addresses == ("192.0.2.1",)


async def test_closing_lets_nobody_wait() -> None:
    there = Names("192.0.2.1")
    there.may_answer.clear()
    where = Whereabouts("app.internal", resolve=there.resolve)
    asking = asyncio.create_task(where.now())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await where.close()
    with pytest.raises(OSError, match="nobody is asked"):
        await asking

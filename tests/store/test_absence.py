import asyncio

import pytest

from gateway.errors import SchemaMismatch, StoreUnavailable
from gateway.store import absence as module
from gateway.store.absence import Absence


class Place:
    def __init__(self) -> None:
        self.held = False

    def hold(self) -> None:
        self.held = True

    def release(self) -> None:
        self.held = False


class Server:
    """Fails with what is left of *failures*, then works; `done` is what was done, in order."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.done: list[str] = []

    def work(self) -> None:
        if self.failures:
            raise self.failures.pop(0)
        self.done.append("work")


async def over(absence: Absence) -> None:
    async with asyncio.timeout(5):
        while absence.lasts:
            await asyncio.sleep(0.01)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAUSE", 0.01)


async def test_without_an_absence_work_is_done_at_once_and_its_failure_is_the_caller_s() -> None:
    server = Server(StoreUnavailable("away"))
    absence = Absence(Place())
    with pytest.raises(StoreUnavailable, match="away"):
        await absence.first(server.work)
    await absence.first(server.work)
    assert server.done == ["work"]
    assert not absence.lasts
    await absence.close()


async def test_B042_nobody_is_let_in_before_all_is_done_in_order() -> None:
    place, told = Place(), []
    server = Server(StoreUnavailable("away"), StoreUnavailable("away"), SchemaMismatch("older"))
    absence = Absence(place)
    absence.begin(server.work, told=told.append)
    assert place.held
    assert absence.lasts
    held_then: list[bool] = []

    def second() -> None:
        held_then.append(place.held)
        server.done.append("second")

    await absence.first(second)
    await over(absence)
    assert not place.held
    assert held_then == [True]
    assert server.done == ["work", "second"]
    assert told == ["away", "older"]


async def test_an_absence_that_is_closed_lets_nobody_in() -> None:
    place = Place()
    absence = Absence(place)
    absence.begin(Server(*[StoreUnavailable("away")] * 1000).work, told=lambda reason: None)
    await asyncio.sleep(0.05)
    await absence.close()
    assert place.held
    assert not absence.lasts

"""Configurations follow one another; what they opened is closed with their last request."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import cast

import pytest

from gateway.front.snapshot import Running, Snapshot
from gateway.lasting import Tenure
from gateway.rooms import Rooms
from gateway.settings.schema import Settings
from gateway.succession import Succession


@contextmanager
def one(running: Running) -> Iterator[None]:
    """One request, from its beginning to its end."""
    passage = object()
    running.enter(passage)
    try:
        yield
    finally:
        running.leave(passage)


class Served:
    """As much of a snapshot as a succession sees."""

    def __init__(self) -> None:
        self.running = Running()


class House:
    """As much of rooms as a succession sees."""

    def __init__(self, name: str, tenure: Tenure, ends: list[str]) -> None:
        self.name = name
        self.ends = ends
        self.closing: list[Callable[[], Awaitable[None]]] = [tenure.end, self._close]
        for shared in {"common", name}:
            tenure.claim(shared, lambda shared=shared: shared, close=self._end)

    def snapshot(self) -> Snapshot:
        return cast(Snapshot, Served())

    def jwks(self) -> dict[str, object]:
        return {"keys": [self.name]}

    async def start(self) -> None:
        pass

    def yield_to(self, successor: Rooms) -> None:
        self.judged_by = cast(House, successor).name

    async def _close(self) -> None:
        self.ends.append(f"rooms of {self.name}")

    async def _end(self, shared: str) -> None:
        self.ends.append(shared)


class Story:
    def __init__(self) -> None:
        self.ends: list[str] = []
        self.served: list[Snapshot] = []
        self.prepared: list[str] = []
        self.succession = Succession(self._furnish, prepare=self._prepare, serve=self.served.append)

    async def _prepare(self, settings: Settings) -> None:
        name = cast(str, settings)
        if name == "unprepared":
            raise RuntimeError(name)
        assert len(self.served) == len(self.prepared), "it does not serve yet"
        self.prepared.append(name)

    async def _furnish(self, settings: Settings, tenure: Tenure) -> Rooms:
        name = cast(str, settings)
        house = House(name, tenure, self.ends)
        if name == "broken":
            raise RuntimeError(name)
        return cast(Rooms, house)

    async def take_over(self, name: str) -> None:
        await self.succession.take_over(cast(Settings, name))

    @property
    def running(self) -> Running:
        return self.served[-1].running


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0)


async def test_the_present_one_is_the_last_that_took_over() -> None:
    story = Story()
    with pytest.raises(RuntimeError):
        story.succession.jwks()
    for name in ("one", "two"):
        await story.take_over(name)
        assert story.succession.jwks() == {"keys": [name]}
    assert len(story.served) == 2
    await story.succession.end()


async def test_a_former_one_is_closed_when_its_last_request_is_over() -> None:
    story = Story()
    await story.take_over("one")
    with one(story.running):
        await story.take_over("two")
        await asyncio.sleep(0.01)
        assert (story.succession.former, story.ends) == (1, [])
    await until(lambda: not story.succession.former)
    assert story.ends == ["rooms of one", "one"]
    await story.succession.end()
    assert story.ends[2] == "rooms of two"
    assert sorted(story.ends[3:]) == ["common", "two"]


async def test_what_an_old_request_uses_outlives_a_younger_configuration() -> None:
    story = Story()
    await story.take_over("one")
    with one(story.running):
        await story.take_over("two")
        await story.take_over("one")
        await until(lambda: story.succession.former == 1)
        assert story.ends == ["rooms of two", "two"]
        await story.take_over("three")
        await until(lambda: story.succession.former == 1)
        assert "one" not in story.ends, "the first request still has it"
    await until(lambda: not story.succession.former)
    assert "one" in story.ends
    await story.succession.end()


async def test_B056_what_lasts_in_former_ones_is_judged_by_the_present_one() -> None:
    story = Story()
    await story.take_over("first")
    first = story.succession.rooms
    with one(story.running):
        for name in ("second", "third"):
            await story.take_over(name)
            assert cast(House, first).judged_by == name
    await story.succession.end()


async def test_C02_one_that_cannot_be_furnished_changes_nothing_and_leaves_nothing() -> None:
    story = Story()
    await story.take_over("one")
    with pytest.raises(RuntimeError, match="broken"):
        await story.take_over("broken")
    assert story.ends == ["broken"]
    assert story.succession.jwks() == {"keys": ["one"]}
    assert len(story.served) == 1
    await story.succession.end()


async def test_C02_one_that_cannot_be_prepared_serves_nothing() -> None:
    story = Story()
    await story.take_over("one")
    with pytest.raises(RuntimeError, match="unprepared"):
        await story.take_over("unprepared")
    assert story.ends == ["unprepared"]
    assert (len(story.served), story.prepared) == (1, ["one"])
    await story.succession.end()


async def test_the_end_closes_former_ones_too() -> None:
    story = Story()
    await story.take_over("one")
    with one(story.running):
        await story.take_over("two")
        await asyncio.sleep(0)
        await story.succession.end()
    assert sorted(story.ends) == sorted(["rooms of one", "rooms of two", "common", "one", "two"])

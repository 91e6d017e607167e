"""Sightings are written together, later, and never in anybody's way."""

import asyncio
from collections.abc import Mapping

from gateway.errors import StoreUnavailable
from gateway.sessions.sightings import Sightings


class Written:
    def __init__(self) -> None:
        self.batches: list[dict[str, int]] = []
        self.down = False
        self.came = asyncio.Event()

    async def seen(self, sightings: Mapping[str, int]) -> None:
        self.came.set()
        if self.down:
            raise StoreUnavailable("down")
        self.batches.append(dict(sightings))


async def test_many_sightings_are_one_write_with_the_latest_moment() -> None:
    written = Written()
    sightings = Sightings(written, pause=0.01)
    for moment in (1, 2, 3):
        sightings.note("sid-1", moment)
    sightings.note("sid-2", 9)
    await asyncio.wait_for(written.came.wait(), 5)
    await sightings.close()
    assert written.batches == [{"sid-1": 3, "sid-2": 9}]


async def test_closing_writes_what_waits() -> None:
    written = Written()
    sightings = Sightings(written, pause=3600)
    sightings.note("sid-1", 1)
    await sightings.close()
    assert written.batches == [{"sid-1": 1}]


async def test_an_outage_loses_a_moment_and_nothing_else() -> None:
    written = Written()
    written.down = True
    sightings = Sightings(written, pause=0.01)
    sightings.note("sid-1", 1)
    await asyncio.wait_for(written.came.wait(), 5)
    written.down = False
    sightings.note("sid-2", 2)
    await sightings.close()
    assert written.batches == [{"sid-2": 2}]


async def test_what_waits_is_bounded() -> None:
    written = Written()
    sightings = Sightings(written, pause=3600, most=2)
    for number in range(5):
        sightings.note(f"sid-{number}", number)
    sightings.note("sid-0", 7)
    await sightings.close()
    assert written.batches == [{"sid-0": 7, "sid-1": 1}]


async def test_closing_with_nothing_to_write_writes_nothing() -> None:
    written = Written()
    await Sightings(written).close()
    assert written.batches == []

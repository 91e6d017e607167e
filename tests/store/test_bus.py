import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from gateway.store.bus import DatabaseBus
from tests.fakes.databases import file_in, made_in, raw
from tests.fakes.listener import KeptNews

COMMIT = "INSERT INTO spent_logins VALUES (randomblob(32), 0)"


@asynccontextmanager
async def followed(folder: Path) -> AsyncIterator[KeptNews]:
    news = KeptNews()
    bus = DatabaseBus(file_in(folder), monotonic=time.monotonic)
    following = asyncio.create_task(bus.follow(news))
    try:
        yield news
    finally:
        following.cancel()
        await asyncio.wait([following])


async def test_B064_every_commit_of_anybody_is_told_before_a_later_moment_is_proven(tmp_path: Path) -> None:
    made_in(tmp_path)
    async with followed(tmp_path) as news:
        await news.until("all")
        other = raw(tmp_path)
        for number in range(2, 6):
            other.execute(COMMIT)
            await news.proof_after(time.monotonic())
            assert news.told == ["all"] * number
        other.close()


async def test_B065_a_commit_that_is_still_open_is_no_news(tmp_path: Path) -> None:
    made_in(tmp_path)
    async with followed(tmp_path) as news:
        await news.until("all")
        other = raw(tmp_path)
        other.execute("BEGIN IMMEDIATE")
        other.execute(COMMIT)
        await news.proof_after(time.monotonic())
        assert news.told == ["all"]
        other.execute("COMMIT")
        other.close()
        await news.until("all", "all")


async def test_B065_where_it_breaks_that_is_told_and_all_is_dropped_before_it_goes_on(tmp_path: Path) -> None:
    made_in(tmp_path)
    aside = tmp_path / "aside"
    async with followed(tmp_path) as news:
        await news.until("all")
        file_in(tmp_path).rename(aside)
        await news.until("all", "broke")
        proofs = news.proofs
        await asyncio.sleep(0.05)
        assert news.proofs == proofs
        aside.rename(file_in(tmp_path))
        async with asyncio.timeout(5):
            while news.proofs == proofs:
                await asyncio.sleep(0.01)
        assert news.told[-1] == "all"

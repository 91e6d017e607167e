import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import func, insert, select

from gateway.errors import StoreUnavailable
from gateway.store import writer as writing
from gateway.store.engine import open_engine
from gateway.store.tables import user_roles, users
from gateway.store.writer import Transaction, Writer
from gateway.uninterrupted import uninterrupted
from tests.fakes.databases import file_in, made_in, raw


@pytest.fixture
async def writer(tmp_path: Path) -> AsyncIterator[Writer]:
    made_in(tmp_path)
    engine = open_engine(file_in(tmp_path))
    yield Writer(engine)
    await engine.dispose()


async def add(transaction: Transaction, user_id: str) -> None:
    await transaction.change(
        insert(users).values(
            id=user_id, email_verified=False, email_by_admin=False, enabled=True, epoch=0, created_at=0
        )
    )


async def count(writer: Writer) -> int:
    async with writer.read() as transaction:
        row = await transaction.row(select(func.count().label("n")).select_from(users))
    return row["n"] if row else -1


async def test_a_write_is_whole_or_nothing(writer: Writer) -> None:
    async with writer.write() as transaction:
        await add(transaction, "u_1")
    with suppress(ZeroDivisionError):
        async with writer.write() as transaction:
            await add(transaction, "u_2")
            raise ZeroDivisionError
    assert await count(writer) == 1


async def test_a_read_sees_one_moment_beside_a_writer(writer: Writer) -> None:
    async with writer.read() as reading:
        assert await reading.row(select(users.c.id)) is None
        async with writer.write() as transaction:
            await add(transaction, "u_1")
        assert await reading.row(select(users.c.id)) is None
    assert await count(writer) == 1


async def test_rows_of_nobody_are_refused(writer: Writer) -> None:
    with pytest.raises(StoreUnavailable, match="SQLITE_CONSTRAINT_FOREIGNKEY"):
        async with writer.write() as transaction:
            await transaction.change(insert(user_roles).values(user_id="u_0", role="a", source="", rule=""))


@pytest.mark.parametrize("steps", range(1, 40, 3))
async def test_F12_a_write_cancelled_anywhere_leaves_the_connection_usable(
    writer: Writer, steps: int
) -> None:
    async def write() -> None:
        async with writer.write() as transaction:
            for number in range(3):
                await add(transaction, f"u_{number}")

    task = asyncio.ensure_future(write())
    for _ in range(steps):
        await asyncio.sleep(0.0005)
    task.cancel()
    await asyncio.wait([task])
    assert await count(writer) in (0, 3)
    async with writer.write() as transaction:
        await add(transaction, "u_next")


async def test_a_cancelled_write_is_undone_before_the_cancellation_is_seen(writer: Writer) -> None:
    begun = asyncio.Event()

    async def write() -> None:
        async with writer.write() as transaction:
            await add(transaction, "u_1")
            begun.set()
            await asyncio.Event().wait()

    task = asyncio.ensure_future(write())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await count(writer) == 0


@pytest.mark.hurried
async def test_those_who_wait_while_the_database_is_locked_fail_with_the_first(
    writer: Writer, tmp_path: Path
) -> None:
    other = raw(tmp_path)
    other.execute("BEGIN EXCLUSIVE")

    async def write(number: int) -> str:
        with pytest.raises(StoreUnavailable) as outage:
            async with writer.write() as transaction:
                await add(transaction, f"u_{number}")
        return str(outage.value)

    told = await asyncio.gather(*map(write, range(20)))
    assert sum("while this write waited for its turn" in each for each in told) == 19, "twenty waits in a row"
    other.execute("ROLLBACK")
    other.close()
    async with writer.write() as transaction:
        await add(transaction, "u_after")


async def test_a_turn_that_never_comes_is_an_outage(writer: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "TURN", 0.01)
    async with writer.write():
        with pytest.raises(StoreUnavailable, match="busy"):
            async with writer.write():
                pass
    assert await count(writer) == 0


async def test_work_goes_on_through_repeated_cancellation() -> None:
    release, done = asyncio.Event(), False

    async def work() -> None:
        nonlocal done
        await release.wait()
        done = True

    task = asyncio.ensure_future(uninterrupted(work()))
    for _ in range(3):
        await asyncio.sleep(0)
        task.cancel()
    await asyncio.sleep(0)
    assert not task.done()
    release.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert done

"""Errands to a file that another process locks, replaces or deletes."""

import asyncio
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import bindparam, delete, insert, select

from gateway.errors import StoreUnavailable
from gateway.store.errands import Step
from gateway.store.outage import outages_told
from gateway.store.sqlite_errands import SqliteErrands
from gateway.store.tables import denied_sessions
from tests.fakes.databases import file_in, hand, made_in, raw


def denied(number: int) -> Step:
    return insert(denied_sessions), {"session": bytes([number]) * 32, "until": number}


def kept(directory: Path) -> list[object]:
    return [row[0] for row in hand(directory, "SELECT until FROM denied_sessions ORDER BY until")]


async def test_what_a_statement_brings_along_is_not_forgotten(tmp_path: Path) -> None:
    made_in(tmp_path)
    errands = SqliteErrands(file_in(tmp_path))
    await errands.run([denied(number) for number in (1, 2, 3)])
    over = select(denied_sessions.c.session).where(denied_sessions.c.until < bindparam("now"))
    swept = delete(denied_sessions).where(denied_sessions.c.session.in_(over.limit(1)))
    await errands.run([(swept, {"now": 9})])
    assert len(kept(tmp_path)) == 2
    await errands.run([(swept, [{"now": 9}, {"now": 9}])])
    assert kept(tmp_path) == []
    await errands.close()


async def test_a_replaced_file_is_written_at_once(tmp_path: Path) -> None:
    made_in(tmp_path)
    errands = SqliteErrands(file_in(tmp_path))
    await errands.run([denied(1)])
    (tmp_path / "new").mkdir()
    made_in(tmp_path / "new")
    for name in ("gateway.db-wal", "gateway.db-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    (tmp_path / "new" / "gateway.db").replace(file_in(tmp_path))
    await errands.run([denied(2)])
    assert kept(tmp_path) == [2]
    await errands.close()


async def test_a_deleted_file_is_an_outage_until_it_is_back(tmp_path: Path) -> None:
    made_in(tmp_path)
    errands = SqliteErrands(file_in(tmp_path))
    await errands.run([denied(1)])
    file_in(tmp_path).rename(tmp_path / "away")
    for _ in range(3):
        with pytest.raises(StoreUnavailable), outages_told("written"):
            await errands.run([denied(2)])
    assert not file_in(tmp_path).exists(), "it was not made anew"
    (tmp_path / "away").rename(file_in(tmp_path))
    await errands.run([denied(3)])
    assert kept(tmp_path) == [1, 3]
    await errands.close()


async def test_a_lock_that_moves_on_is_waited_for(tmp_path: Path) -> None:
    made_in(tmp_path)
    errands = SqliteErrands(file_in(tmp_path))
    await errands.run([denied(0)])
    busy = True

    def others() -> None:
        connection = raw(tmp_path)
        for number in range(1, 200):
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("INSERT INTO denied_sessions VALUES (?, ?)", (bytes([number]) * 31, number))
            connection.execute("COMMIT")
            if not busy:
                break
        connection.close()

    writing = asyncio.ensure_future(asyncio.to_thread(others))
    with suppress(asyncio.CancelledError):
        await errands.run([(insert(denied_sessions), {"session": b"m" * 32, "until": 7000})])
    busy = False
    await writing
    assert 7000 in kept(tmp_path)
    await errands.close()


async def test_the_end_without_a_beginning_is_nothing(tmp_path: Path) -> None:
    await SqliteErrands(tmp_path / "none").close()

"""Writes in one trip hold what every write holds, on each kind of database."""

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import bindparam, delete, insert, update

from gateway.errors import StoreUnavailable
from gateway.store.database import Database
from gateway.store.errands import EngineErrands, Step
from gateway.store.tables import denied_sessions, user_roles
from gateway.store.writer import Writer
from tests.fakes.databases import by_hand, hand, locked, opened

pytestmark = pytest.mark.usefixtures("kind")

DENIED = insert(denied_sessions)
LONGER = update(denied_sessions).where(denied_sessions.c.session == bindparam("which"))
LONGER = LONGER.values(until=bindparam("later"))
SOME = denied_sessions.c.session == bindparam("which")
FORGOTTEN = delete(denied_sessions).where(SOME)
OF_NOBODY = (insert(user_roles), {"user_id": "u_0", "role": "a", "source": "", "rule": ""})


def denied(number: int) -> Step:
    return DENIED, {"session": bytes([number]) * 32, "until": number}


def writer_of(database: Database) -> Writer:
    return database.passwords._writer


def kept(directory: Path) -> list[object]:
    return [row[0] for row in hand(directory, "SELECT until FROM denied_sessions ORDER BY until")]


async def test_steps_are_carried_out_in_turn(tmp_path: Path) -> None:
    async with opened(tmp_path) as database:
        which = {"which": bytes([1]) * 32}
        await writer_of(database).run(
            denied(1), denied(2), (LONGER, {**which, "later": 9}), (FORGOTTEN, {"which": bytes([2]) * 32})
        )
        assert kept(tmp_path) == [9]


async def test_a_statement_is_run_once_for_each_of_several_values(tmp_path: Path) -> None:
    async with opened(tmp_path) as database:
        rows = [{"session": bytes([number]) * 32, "until": number} for number in range(5)]
        await writer_of(database).run((DENIED, rows))
        assert kept(tmp_path) == [0, 1, 2, 3, 4]


async def test_all_steps_or_none(tmp_path: Path) -> None:
    async with opened(tmp_path) as database:
        with pytest.raises(StoreUnavailable):
            await writer_of(database).run(denied(1), OF_NOBODY)
        assert kept(tmp_path) == []
        await writer_of(database).run(denied(2))
        assert kept(tmp_path) == [2]


@pytest.mark.hurried
async def test_D09_a_lock_is_an_outage_and_its_end_is_the_end_of_it(tmp_path: Path) -> None:
    async with opened(tmp_path) as database:
        await writer_of(database).run(denied(1))
        with locked(tmp_path), pytest.raises(StoreUnavailable):
            await writer_of(database).run(denied(2))
        await writer_of(database).run(denied(3))
        assert kept(tmp_path) == [1, 3]


@pytest.mark.parametrize("turns", range(0, 30, 3))
async def test_F12_an_errand_cancelled_anywhere_is_whole_or_nothing(tmp_path: Path, turns: int) -> None:
    async with opened(tmp_path) as database:
        writer = writer_of(database)
        task = asyncio.ensure_future(writer.run(denied(1), denied(2), denied(3)))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        assert kept(tmp_path) in ([], [1, 2, 3])
        await writer.run(denied(9))


async def test_errands_and_transactions_take_turns(tmp_path: Path) -> None:
    async with opened(tmp_path) as database:
        writer = writer_of(database)
        async with writer.write() as transaction:
            await transaction.change(DENIED, {"session": b"a" * 32, "until": 1})
            waiting = asyncio.ensure_future(writer.run(denied(2)))
            await asyncio.sleep(0.01)
            assert not waiting.done()
        await waiting
        assert kept(tmp_path) == [1, 2]


async def test_what_is_changed_beside_us_is_seen(tmp_path: Path) -> None:
    async with opened(tmp_path) as database:
        await writer_of(database).run(denied(1))
        await by_hand(tmp_path, "DELETE FROM denied_sessions")
        await writer_of(database).run(denied(1))
        assert kept(tmp_path) == [1]


async def test_those_of_an_engine_do_the_same(tmp_path: Path) -> None:
    async with opened(tmp_path) as database:
        errands = EngineErrands(database._engine)
        await errands.run([denied(1), (DENIED, [denied(2)[1], denied(3)[1]])])
        await errands.close()
        assert kept(tmp_path) == [1, 2, 3]

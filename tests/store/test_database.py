import asyncio
import threading
from pathlib import Path

import pytest

from gateway.errors import SchemaMismatch, StoreUnavailable
from gateway.store.database import Database
from tests.fakes.clock import FakeClock
from tests.fakes.databases import file_in, made_in, raw, url_in
from tests.fakes.logins import ANN


async def test_a_new_database_is_made_where_that_is_asked_for(tmp_path: Path) -> None:
    database = await Database.open(url_in(tmp_path / "var"), clock=FakeClock(), create=True)
    assert await database.users.everyone() == ()
    await database.close()


async def test_D11_a_missing_database_is_refused_otherwise(tmp_path: Path) -> None:
    with pytest.raises(SchemaMismatch, match="run `gateway db upgrade`"):
        await Database.open(url_in(tmp_path), clock=FakeClock())
    assert not file_in(tmp_path).exists()


@pytest.mark.parametrize("create", [True, False])
async def test_D11_a_newer_database_is_refused_either_way(tmp_path: Path, create: bool) -> None:
    connection = raw_of_made(tmp_path)
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(SchemaMismatch, match="newer"):
        await Database.open(url_in(tmp_path), clock=FakeClock(), create=create)


async def test_user_ids_come_from_the_randomness_given(tmp_path: Path) -> None:
    database = await Database.open(
        made_in(tmp_path), clock=FakeClock(), randomness=lambda size: b"\x00" * size
    )
    async with database.users.ledger() as ledger:
        user = await ledger.create_user(ANN)
    await database.close()
    assert user.id == "u_" + "a" * 26


async def test_closing_leaves_no_thread_behind(tmp_path: Path) -> None:
    before = set(threading.enumerate())
    database = await Database.open(made_in(tmp_path), clock=FakeClock())
    await database.users.everyone()
    await database.spend(b"x", 1)
    await database.close()
    for thread in set(threading.enumerate()) - before:
        if "asyncio" not in thread.name:  # the loop's own executor
            await asyncio.to_thread(thread.join, 5)  # it was told to end, and does in a moment
            assert not thread.is_alive()


async def test_a_database_taken_away_is_an_outage_not_a_new_one(tmp_path: Path) -> None:
    database = await Database.open(made_in(tmp_path), clock=FakeClock())
    file_in(tmp_path).unlink()
    with pytest.raises(StoreUnavailable):
        await database.users.everyone()
    await database.close()
    assert not file_in(tmp_path).exists()


def raw_of_made(directory: Path):
    made_in(directory)
    return raw(directory)

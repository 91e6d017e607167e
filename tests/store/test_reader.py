import asyncio
from pathlib import Path

import pytest

from gateway.errors import StoreUnavailable
from gateway.store.database import Database
from gateway.store.reader import ABANDONED, SqliteReader
from tests.fakes.databases import file_in, hand, made_in, opened
from tests.fakes.logins import ANN, session_of

NOW = 1_800_000_000


async def ann_in(database: Database, *roles: str) -> str:
    async with database.users.ledger() as ledger:
        user = await ledger.create_user(ANN)
        await ledger.grant(user.id, roles)
    return user.id


@pytest.mark.hurried(0.25)
async def test_a_lookup_has_250_ms_in_all(tmp_path: Path) -> None:
    async with opened(tmp_path) as database:
        session = session_of(await ann_in(database), authenticated_at=NOW)
        await database.standing(session)
        reader: SqliteReader = database._lookup._reader
        numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION SELECT i+1 FROM n LIMIT 2000000)"
        hanging = reader._strand
        stuck = hanging.ask((f"{numbers} SELECT max(i), 1 FROM n", {}))
        began = asyncio.get_running_loop().time()
        with pytest.raises(StoreUnavailable):
            await database.standing(session)
        assert asyncio.get_running_loop().time() - began < 0.5
        assert await database.standing(session) is not None, "on a new connection"
        assert reader._strand is not hanging
        await asyncio.wait([stuck])


async def test_connections_that_hang_are_bounded(tmp_path: Path) -> None:
    async with opened(tmp_path) as database:
        session = session_of(await ann_in(database), authenticated_at=NOW)
        reader: SqliteReader = database._lookup._reader
        hung = [asyncio.get_running_loop().create_future() for _ in range(ABANDONED)]
        reader._abandoned.update(hung)
        with pytest.raises(StoreUnavailable, match="hang"):
            await database.standing(session)
        reader._abandoned.difference_update(hung)
        assert await database.standing(session) is not None


async def test_B066_lookups_of_one_turn_of_the_loop_share_a_trip_and_answer_as_each_alone(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as database:
        ann = session_of(await ann_in(database, "admin"), authenticated_at=NOW)
        nobody = session_of("u_nobody", authenticated_at=NOW)
        bob = await database.users.add("bob@example.com", password_hash="h1")
        assert bob is not None
        reader: SqliteReader = database._lookup._reader
        alone = [await database.standing(each) for each in (ann, nobody)]
        together = await asyncio.gather(
            database.standing(ann),
            database.standing(nobody),
            database.passwords.find("bob@example.com"),
            database.standing(ann),
        )
        assert [together[0], together[1], together[3]] == [alone[0], alone[1], alone[0]]
        assert together[2] is not None
        assert together[2].user == bob
        assert not reader._abandoned


async def test_B066_a_lookup_asked_after_a_change_knows_of_it_whatever_trip_it_shares(tmp_path: Path) -> None:
    async with opened(tmp_path) as database:
        user_id = await ann_in(database)
        session = session_of(user_id, authenticated_at=NOW)
        for round_ in range(30):
            earlier = [asyncio.ensure_future(database._lookup.standing(session)) for _ in range(5)]
            await asyncio.sleep(0)
            await database.deny(session.id, NOW + 1000 + round_)
            later = await asyncio.gather(*(database._lookup.standing(session) for _ in range(5)))
            assert all(standing is not None and standing.denied for standing in later)
            await asyncio.gather(*earlier)
            await asyncio.to_thread(hand, tmp_path, "DELETE FROM denied_sessions")


async def test_a_replaced_file_is_an_outage_once_and_then_the_truth(tmp_path: Path) -> None:
    async with opened(tmp_path) as database:
        session = session_of(await ann_in(database, "admin"), authenticated_at=NOW)
        assert await database.standing(session) is not None
        (tmp_path / "new").mkdir()
        made_in(tmp_path / "new")
        for name in ("gateway.db-wal", "gateway.db-shm"):
            (tmp_path / name).unlink()
        (tmp_path / "new" / "gateway.db").replace(file_in(tmp_path))
        with pytest.raises(StoreUnavailable):
            await database.standing(session)
        assert await database.standing(session) is None, "the new file does not know her"
        assert await ann_in(database), "a write reaches the new file at once"
        (known,) = await database.users.everyone()
        assert known.name == "Ann"


async def test_a_deleted_file_is_an_outage_until_it_is_back(tmp_path: Path) -> None:
    async with opened(tmp_path) as database:
        session = session_of(await ann_in(database), authenticated_at=NOW)
        assert await database.standing(session) is not None
        file_in(tmp_path).rename(tmp_path / "away")
        for _ in range(6):
            with pytest.raises(StoreUnavailable):
                await database.standing(session)
        with pytest.raises(StoreUnavailable):
            await database.ping()
        (tmp_path / "away").rename(file_in(tmp_path))
        assert await database.standing(session) is not None

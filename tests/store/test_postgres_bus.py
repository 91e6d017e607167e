import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from gateway.store import postgres_bus
from gateway.store.database import Database
from gateway.store.postgres_bus import PostgresBus, pass_on
from gateway.store.postgres_server import DriverConnection, Limits, fit
from gateway.store.session_keys import EVERYBODY, sid_key, user_name
from tests.fakes.clock import FakeClock
from tests.fakes.listener import KeptNews
from tests.fakes.logins import ANN
from tests.fakes.postgres_process import PostgresDatabase, postgres_process, shared
from tests.fakes.records import record

NOW = 1_800_000_000


@pytest.fixture
def fresh(needs: Callable[[str], str]) -> PostgresDatabase:
    needs("postgres")
    return shared().fresh()


@asynccontextmanager
async def followed(database: PostgresDatabase) -> AsyncIterator[KeptNews]:
    async def connect(limits: Limits) -> DriverConnection:
        return await fit(database.url, limits)

    news = KeptNews()
    following = asyncio.create_task(PostgresBus(connect, monotonic=time.monotonic).follow(news))
    try:
        await news.until("all")
        yield news
    finally:
        following.cancel()
        await asyncio.wait([following])


async def told_of(news: KeptNews) -> set[bytes | str]:
    """Return what was told since it was asked last, once all that was committed by now has been."""
    await news.proof_after(time.monotonic())
    told, news.told = set(news.told), []
    return told


async def test_B064_each_change_names_whom_it_is_about_before_a_later_moment_is_proven(
    fresh: PostgresDatabase,
) -> None:
    database = await Database.open(fresh.url, clock=FakeClock())
    async with database.users.ledger() as ledger:
        ann = (await ledger.create_user(ANN)).id
    mine = record("one", ann)
    async with followed(fresh) as news:
        assert await told_of(news) == {"all"}
        await database.sessions.add(mine)
        await database.sessions.touch({mine.key: mine.seen_at + 60})
        assert await told_of(news) == set(), "nobody holds a new session, and being seen ends none"
        await database.users.change_roles(ann, grant=["admin"])
        assert await told_of(news) == {user_name(ann)}
        await database.end_sessions_of(ann)
        assert await told_of(news) == {user_name(ann)}
        await database.sessions.add(mine)
        await database.sessions.remove(mine.key)
        assert await told_of(news) == {user_name(ann)}
        await database.deny("sid", NOW + 900)
        assert {len(name) for name in await told_of(news)} == {32}
        issuer = "https://issuer.example.com"
        await database.endings.end_by_issuer(issuer, sid="s", subject=None, notice=b"n", until=NOW + 9)
        assert await told_of(news) == {sid_key(issuer, "s")}
        await database.endings.end_everybody(NOW + 9)
        assert await told_of(news) == {"all"}
        async with database.users.ledger() as ledger:
            account = await ledger.account(ANN.provider, ANN.issuer, ANN.subject)
            assert account is not None
            await ledger.record_login(account, ANN)
        assert await told_of(news) == set(), "a login that brought nothing new"
        async with database.users.ledger() as ledger:
            await ledger.record_login(account, replace(ANN, groups=("staff",)))
        assert await told_of(news) == {user_name(ann)}
        await database.users.delete(ann)
        assert user_name(ann) in await told_of(news)
    await database.close()


async def test_B064_what_is_done_by_hand_is_told_as_well(fresh: PostgresDatabase) -> None:
    database = await Database.open(fresh.url, clock=FakeClock())
    async with database.users.ledger() as ledger:
        ann = (await ledger.create_user(ANN)).id
    await database.sessions.add(record("one", ann))
    async with followed(fresh) as news:
        await told_of(news)
        for statement in (
            "UPDATE users SET enabled = FALSE",
            "UPDATE sessions SET sealed = 'x'",
            "UPDATE sessions SET ends_at = 0",
            "UPDATE accounts SET claims = '{}'",
            "UPDATE accounts SET subject = 'somebody'",
            "DELETE FROM accounts",
            "DELETE FROM sessions",
        ):
            fresh.sql(statement)
            assert await told_of(news) == {user_name(ann)}, statement
        for statement in ("TRUNCATE sessions", "TRUNCATE user_roles", "TRUNCATE accounts"):
            fresh.sql(statement)
            assert await told_of(news) == {"all"}, statement
    await database.close()


async def test_S20_ten_thousand_sessions_of_one_user_are_one_piece_of_news_and_many_users_are_all(
    fresh: PostgresDatabase,
) -> None:
    fresh.sql(
        "INSERT INTO users SELECT 'u_' || n, NULL, NULL, FALSE, FALSE, NULL, NULL, TRUE, 0, 0"
        " FROM generate_series(1, 200) AS n"
    )
    columns = "user_id, sealed, created_at, ends_at, seen_at, address, browser, provider, issuer, subject"
    for user, number in (("'u_1'", 10_000), ("'u_' || n", 200)):
        fresh.sql(
            f"INSERT INTO sessions (key, {columns}, sid_key, sub_key)"
            f" SELECT sha256(('{number} ' || n || {user})::bytea), {user},"
            " '', 0, 0, 0, '', '', '', '', '', '', ''"
            f" FROM generate_series(1, {number}) AS n"
        )
    database = await Database.open(fresh.url, clock=FakeClock())
    async with followed(fresh) as news:
        await told_of(news)
        await database.sessions.remove_all("u_1", but=None)
        assert await told_of(news) == {user_name("u_1")}
        fresh.sql("DELETE FROM sessions")
        assert await told_of(news) == {"all"}
    await database.close()


async def test_B065_what_is_not_committed_is_no_news(fresh: PostgresDatabase) -> None:
    async with followed(fresh) as news:
        await told_of(news)
        connection = await fresh.server.connection(fresh.name)
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute("INSERT INTO denied_sessions VALUES ('x', 0)")
        assert await told_of(news) == set()
        await transaction.commit()
        assert await told_of(news) == {b"x"}
        await connection.close()


@pytest.mark.parametrize("harm", ["ended", "restarted", "hung"])
async def test_B065_where_it_breaks_that_is_told_and_all_is_dropped_before_it_goes_on(
    needs: Callable[[str], str], monkeypatch: pytest.MonkeyPatch, harm: str
) -> None:
    needs("postgres")
    async with postgres_process() as server:
        database = server.fresh()
        async with followed(database) as news:
            await told_of(news)
            monkeypatch.setattr(postgres_bus, "DEADLINE", 0.25)
            if harm == "ended":
                database.hang_up()
            elif harm == "restarted":
                server.stop()
            else:
                server.hang()
            async with asyncio.timeout(5):
                while "broke" not in news.told:
                    await asyncio.sleep(0.01)
            monkeypatch.setattr(postgres_bus, "DEADLINE", 5.0)
            if harm == "restarted":
                await asyncio.to_thread(server.start)
            elif harm == "hung":
                server.go_on()
            async with asyncio.timeout(10):
                while news.told[-1] != "all":
                    await asyncio.sleep(0.01)
            database.sql("INSERT INTO denied_sessions VALUES ('x', 0)")
            await news.proof_after(time.monotonic())
            assert news.told[-1] == b"x"


@pytest.mark.parametrize(
    ("payload", "told"),
    [
        ("user:u_1", b"u_1"),
        ("name:00ff", b"\x00\xff"),
        (f"name:{EVERYBODY.hex()}", "all"),
        ("name:no hex", "all"),
        ("all", "all"),
        ("", "all"),
        ("something newer:x", "all"),
    ],
)
def test_what_is_not_understood_drops_all(payload: str, told: bytes | str) -> None:
    news = KeptNews()
    pass_on(payload, news)
    assert news.told == [told]

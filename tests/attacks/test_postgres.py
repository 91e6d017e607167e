"""ATTACKS D: what a PostgreSQL may suffer, and what the gateway then does."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from gateway.errors import SettingsInvalid, StoreUnavailable
from gateway.settings.loader import load
from gateway.store.database import Database
from gateway.store.postgres_server import CONNECTIONS
from gateway.store.standing import LOOKUP
from gateway.store.tables import REVISIONS
from tests.fakes.clock import FakeClock
from tests.fakes.gateway import HOST, SECRET
from tests.fakes.keepings import Keeping, keeping
from tests.fakes.logins import ANN, session_of
from tests.fakes.outages import LIMIT, SLACK, ready, recovers, timed, unavailable
from tests.fakes.postgres_process import (
    PASSWORD,
    PostgresDatabase,
    PostgresProcess,
    end,
    postgres_process,
    shared,
    standby_of,
)
from tests.fakes.raw_client import RawConnection, get
from tests.fakes.scene import COOKIE, Scene

NOW = 1_800_000_000


WAYS = ["postgres push", "postgres off", "stateless postgres"]


@pytest.fixture(params=WAYS)
async def kept(
    request: pytest.FixtureRequest, tmp_path: Path, needs: Callable[[str], str]
) -> AsyncIterator[Keeping]:
    """A way to keep sessions in a database of the test's own, for what befalls the database alone."""
    needs("postgres")
    async with keeping(request.param, tmp_path) as way:
        yield way


@pytest.fixture(params=WAYS)
async def kept_apart(
    request: pytest.FixtureRequest, tmp_path: Path, needs: Callable[[str], str]
) -> AsyncIterator[Keeping]:
    """The same on a server of the test's own, for what befalls the server."""
    needs("postgres")
    async with postgres_process() as server, keeping(request.param, tmp_path, postgres=server) as way:
        yield way


@pytest.fixture
def fresh(needs: Callable[[str], str]) -> PostgresDatabase:
    needs("postgres")
    return shared().fresh()


@pytest.fixture
async def fresh_apart(needs: Callable[[str], str]) -> AsyncIterator[PostgresDatabase]:
    needs("postgres")
    async with postgres_process() as server:
        yield server.fresh()


def database_of(kept: Keeping) -> PostgresDatabase:
    if kept.postgres is None:
        raise LookupError("no PostgreSQL here")
    return kept.postgres


def server_of(kept: Keeping) -> PostgresProcess:
    return database_of(kept).server


def scene_of(kept: Keeping) -> object:
    """Start a gateway that asks its database at each request, if its cache does not spare it."""
    return kept.scene(*([] if kept.stateful else ['revocation = "strict"']))


async def cannot_sign_in(at: Scene) -> None:
    browser = at.gate.browser()
    page = await browser.navigate(await at.departed(browser), follow=False)
    assert page.status == 503
    assert browser.cookie(at.url, COOKIE) is None


async def signs_in(at: Scene) -> None:
    """Hold that a login succeeds within two seconds."""
    async with asyncio.timeout(2 + SLACK):
        while True:
            browser = at.gate.browser()
            if (await browser.navigate(await at.departed(browser), follow=False)).status == 303:
                return


async def test_D01_B042_a_database_that_is_down_at_start_is_an_outage_and_no_more(
    kept_apart: Keeping,
) -> None:
    server = server_of(kept_apart)
    server.stop()
    async with scene_of(kept_apart) as at:
        await ready(at, 503)
        await cannot_sign_in(at)
        assert (await at.gate.browser().navigate(at.url + "/x", follow=False)).status == 302
        await asyncio.to_thread(server.start)
        await ready(at, 200)
        alice = await at.signed_in()
        assert (await alice.fetch(at.url + "/x")).status == 200
    told, *_ = at.gate.events("database.awaited")
    assert "ConnectionRefusedError" in str(told["reason"])


async def test_D01_refused_under_traffic_is_503_and_the_session_lives_on(kept_apart: Keeping) -> None:
    server = server_of(kept_apart)
    async with scene_of(kept_apart) as at:
        alice = await at.signed_in()
        assert (await alice.fetch(at.url + "/x")).status == 200
        server.stop()
        await asyncio.sleep(0.05)
        await unavailable(at, alice)
        await cannot_sign_in(at)
        await asyncio.to_thread(server.start)
        assert (await recovers(at, alice)).status == 200
        await signs_in(at)


@pytest.mark.hurried
async def test_D02_a_hung_database_is_503_in_time_and_the_session_lives_on(kept_apart: Keeping) -> None:
    server = server_of(kept_apart)
    async with scene_of(kept_apart) as at:
        alice = await at.signed_in()
        server.hang()
        await asyncio.sleep(0.05)
        await unavailable(at, alice, requests=3)
        pages = await asyncio.gather(*(timed(alice, at.url + "/x") for _ in range(50)))
        assert {page.status for page, _ in pages} == {503}
        assert max(took for _, took in pages) < LIMIT + 2 * SLACK
        browser = at.gate.browser()
        page, took = await timed(browser, await at.departed(browser))
        assert page.status == 503
        assert took < LIMIT + 2 * SLACK
        server.go_on()
        assert (await recovers(at, alice)).status == 200
        await signs_in(at)


@pytest.mark.hurried
async def test_D02_a_table_that_somebody_locked_is_503_in_time(kept: Keeping) -> None:
    database = database_of(kept)
    async with scene_of(kept) as at:
        alice = await at.signed_in()
        await asyncio.sleep(0.05)
        connection = await database.server.connection(database.name)
        async with connection.transaction():
            await connection.execute("LOCK TABLE users")
            await asyncio.sleep(0.05)
            if not kept.pushed:  # what is held and known to be true needs no table
                page, took = await timed(alice, at.url + "/x")
                assert page.status == 503
                assert took < LIMIT + SLACK
            await cannot_sign_in(at)
        await connection.close()
        assert (await recovers(at, alice)).status == 200
        await signs_in(at)


async def test_D03_restarted_in_the_middle_of_requests_nobody_is_signed_out(kept_apart: Keeping) -> None:
    server = server_of(kept_apart)
    async with scene_of(kept_apart) as at:
        alice = await at.signed_in()
        statuses: list[int] = []

        async def hammer() -> None:
            head = f"Cookie: {COOKIE}={alice.cookies[HOST][COOKIE]}"
            async with await RawConnection.open(at.gate.port) as connection:
                while True:
                    await connection.write(get("/x", head, host=HOST))
                    statuses.append((await connection.answer()).status)
                    await asyncio.sleep(0.001)

        hammers = [asyncio.create_task(hammer()) for _ in range(5)]
        await asyncio.sleep(0.2)
        await asyncio.to_thread(server.restart)
        assert (await recovers(at, alice)).status == 200
        for task in hammers:
            task.cancel()
        await asyncio.gather(*hammers, return_exceptions=True)
        assert set(statuses) <= {200, 503}
        assert 200 in statuses
    assert at.gate.events("session.rejected") == []


async def test_D03_a_database_that_cannot_be_written_keeps_who_is_in_and_lets_nobody_in(
    kept: Keeping,
) -> None:
    database = database_of(kept)
    async with scene_of(kept) as at:
        alice = await at.signed_in()
        database.sql(f"ALTER DATABASE {database.name} SET default_transaction_read_only = on")
        database.hang_up()
        assert (await recovers(at, alice)).status == 200
        await cannot_sign_in(at)
        database.server.sql(f"ALTER DATABASE {database.name} RESET default_transaction_read_only")
        database.hang_up()
        await signs_in(at)


async def test_D03_a_standby_answers_nobody_until_it_is_promoted(kept_apart: Keeping) -> None:
    server = server_of(kept_apart)
    async with scene_of(kept_apart) as at:
        alice = await at.signed_in()
        standby = await asyncio.to_thread(standby_of, server)
        try:
            server.stop()
            await asyncio.to_thread(standby.start)
            await unavailable(at, alice)
            await cannot_sign_in(at)
            standby.sql("SELECT pg_promote()")
            assert (await recovers(at, alice)).status == 200
            await signs_in(at)
        finally:
            await asyncio.to_thread(end, standby)


async def test_D03_when_no_connection_is_left_that_is_an_outage(kept: Keeping) -> None:
    database = database_of(kept)
    async with scene_of(kept) as at:
        alice = await at.signed_in()
        database.sql(f"ALTER DATABASE {database.name} CONNECTION LIMIT 0")
        database.hang_up()
        await asyncio.sleep(0.05)
        await unavailable(at, alice)
        await cannot_sign_in(at)
        database.sql(f"ALTER DATABASE {database.name} CONNECTION LIMIT -1")
        assert (await recovers(at, alice)).status == 200
        await signs_in(at)


async def test_D11_another_schema_that_comes_back_is_never_used(kept: Keeping) -> None:
    database = database_of(kept)
    async with scene_of(kept) as at:
        alice = await at.signed_in()
        database.sql("UPDATE alembic_version SET version_num = '0001'")
        database.hang_up()
        await asyncio.sleep(0.05)
        await unavailable(at, alice)
        database.sql(f"UPDATE alembic_version SET version_num = '{REVISIONS[-1]}'")
        assert (await recovers(at, alice)).status == 200


_OURS = """
    SELECT COUNT(*) FROM pg_stat_activity
    WHERE application_name = 'vestibule' AND datname = current_database()
"""


async def test_D05_D06_S14_cancelled_in_mid_question_nobody_gets_another_s_answer(
    fresh: PostgresDatabase,
) -> None:
    database = await Database.open(fresh.url, clock=FakeClock())
    try:
        users = [await database.users.add(f"user{number}@example.com") for number in range(5)]
        sessions = [session_of(user.id, authenticated_at=NOW) for user in users if user]

        async def ask(number: int) -> bool:
            found = await database.standing(sessions[number % 5])
            return found is not None and found.email == f"user{number % 5}@example.com"

        for number in range(200):
            task = asyncio.create_task(ask(number))
            await asyncio.sleep(number % 20 / 40_000)
            task.cancel()
            [right] = await asyncio.gather(task, return_exceptions=True)
            assert right is True or isinstance(right, asyncio.CancelledError | StoreUnavailable)
        async with asyncio.timeout(10):
            while True:
                try:
                    assert all([await ask(number) for number in range(100)])
                    break
                except StoreUnavailable:  # new connections take a busy machine its time
                    await asyncio.sleep(0.1)
        [row] = fresh.sql(_OURS)
        assert row["count"] <= CONNECTIONS + 4
    finally:
        await database.close()


async def test_D02_a_node_that_stands_still_in_a_write_loses_its_turn(
    fresh: PostgresDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.store.postgres_server.IDLE_IN_TRANSACTION", 150)
    one = await Database.open(fresh.url, clock=FakeClock())
    other = await Database.open(fresh.url, clock=FakeClock())

    async def stand_still() -> None:
        async with one.users.ledger() as ledger:
            await ledger.create_user(ANN)
            await asyncio.sleep(0.5)
            assert await other.spend(b"x", NOW)

    try:
        with pytest.raises(StoreUnavailable):
            await stand_still()
        assert await one.users.everyone() == ()
    finally:
        await one.close()
        await other.close()


async def test_D13_a_server_with_another_clock_ends_nobody(fresh: PostgresDatabase) -> None:
    database = await Database.open(fresh.url, clock=FakeClock(1000.0))
    try:
        user = await database.users.add("ann@example.com")
        assert user is not None
        assert user.created_at == 1000
    finally:
        await database.close()


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:canary@",
        "postgresql://u:canary@h:99999/n",
        "postgresql://u:canary@h/n?sslmode=canary",
        "postgresql://u:can@ary@h/n",
        "postgresql://u:canary@h/n?canary=1",
        "postgresql://u:canary@h/n#canary",
        "postgresql://u:canary@h,canary/n",
        "postgres://u:canary@h/n",
        "postgresql+asyncpg://u:canary@h/n",
        "mysql://u:canary@h/n",
    ],
)
def test_D07_a_bad_url_never_repeats_a_password(tmp_path: Path, url: str) -> None:
    path = tmp_path / "gateway.toml"
    top = (
        f'public_url = "https://app.example.com"\nsecret = "{SECRET}"\n[database]\nurl = {json.dumps(url)}\n'
    )
    path.write_text(f'{top}[[routes]]\npath = "/"\nupstream = "http://127.0.0.1:9"\naccess = "public"\n')
    with pytest.raises(SettingsInvalid, match=r"database\.url") as refused:
        load(path, environ={})
    assert "canary" not in str(refused.value)


async def test_D07_a_refused_password_is_in_no_text(fresh_apart: PostgresDatabase) -> None:
    wrong = fresh_apart.url.replace("canary", "cnry")
    began = time.monotonic()
    with pytest.raises(Exception, match="refuses our user or password") as refused:
        await Database.open(wrong, clock=FakeClock())
    assert time.monotonic() - began < 5
    texts = f"{refused.value!r} {refused.value.__cause__!r}"
    assert "cnry" not in texts
    database = await Database.open(fresh_apart.url, clock=FakeClock())
    fresh_apart.sql("ALTER ROLE gateway PASSWORD 'another'")
    fresh_apart.hang_up()
    await asyncio.sleep(0.1)
    with pytest.raises(StoreUnavailable) as outage:
        await database._lookup._reader.rows(LOOKUP, dict.fromkeys(_NAMES, b""))
    assert PASSWORD not in f"{outage.value!r} {outage.value.__cause__!r}"
    await database.close()


_NAMES = tuple(LOOKUP.compile().params)

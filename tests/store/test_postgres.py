"""What PostgreSQL does for us in the place of a SQLite file."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text

from gateway.errors import SchemaMismatch, StoreUnavailable
from gateway.store import schema
from gateway.store.database import Database
from gateway.store.postgres import PostgresPlace
from gateway.store.tables import metadata
from tests.fakes.clock import FakeClock
from tests.fakes.postgres_process import PASSWORD, PostgresDatabase, shared
from tests.fakes.releases import schema_of


@pytest.fixture
def database(needs: Callable[[str], str]) -> PostgresDatabase:
    needs("postgres")
    return shared().fresh()


@pytest.fixture
def empty(needs: Callable[[str], str]) -> PostgresDatabase:
    needs("postgres")
    return shared().fresh(empty=True)


def test_the_migrations_lead_to_exactly_these_tables(database: PostgresDatabase) -> None:
    def differences(connection: Connection) -> list[object]:
        return list(compare_metadata(MigrationContext.configure(connection), metadata))

    assert PostgresPlace(database.url).run(differences) == []


def test_an_empty_database_is_told_and_upgraded_once(empty: PostgresDatabase) -> None:
    with pytest.raises(SchemaMismatch, match="has no tables: run `gateway db upgrade`"):
        schema.check(empty.url)
    assert schema.upgrade(empty.url) is None
    assert schema.upgrade(empty.url) == schema.HEAD
    assert schema.check(empty.url, thorough=True) == schema.HEAD


def test_an_upgrade_keeps_roles_and_knows_their_rules_apart_from_then_on(
    empty: PostgresDatabase, tmp_path: Path
) -> None:
    with schema_of("0009_account_claims", tmp_path):
        schema.upgrade(empty.url)
    empty.sql("INSERT INTO users VALUES ('u_1', NULL, NULL, FALSE, FALSE, 'Ann', NULL, TRUE, 0, 0)")
    empty.sql("INSERT INTO user_roles VALUES ('u_1', 'admin', ''), ('u_1', 'admin', 'corp')")
    assert schema.upgrade(empty.url) == "0009_account_claims"
    empty.sql("INSERT INTO user_roles VALUES ('u_1', 'admin', 'corp', 'r')")
    rows = [tuple(row.values()) for row in empty.sql("SELECT * FROM user_roles ORDER BY source, rule")]
    assert rows == [("u_1", "admin", "", ""), ("u_1", "admin", "corp", ""), ("u_1", "admin", "corp", "r")]
    with pytest.raises(Exception, match="null value"):
        empty.sql("INSERT INTO user_roles VALUES ('u_1', 'admin', 'corp')")


async def test_nodes_that_start_together_make_one_schema(empty: PostgresDatabase) -> None:
    nodes = await asyncio.gather(
        *(Database.open(empty.url, clock=FakeClock(), create=True) for _ in range(3))
    )
    for node in nodes:
        await node.close()
    assert len(empty.sql("SELECT * FROM alembic_version")) == 1


def test_D11_another_program_s_database_is_not_touched(empty: PostgresDatabase) -> None:
    place = PostgresPlace(empty.url)
    place.run(lambda connection: connection.execute(text("CREATE TABLE users (id int)")), writes=True)
    for verb in (schema.check, schema.upgrade):
        with pytest.raises(SchemaMismatch, match="not a gateway's"):
            verb(empty.url)


def test_D11_a_newer_database_is_refused(database: PostgresDatabase) -> None:
    database.sql("UPDATE alembic_version SET version_num = '9999'")
    for verb in (schema.check, schema.upgrade):
        with pytest.raises(SchemaMismatch, match="newer than this release"):
            verb(database.url)


def test_a_reading_transaction_cannot_write(database: PostgresDatabase) -> None:
    place = PostgresPlace(database.url)
    with pytest.raises(Exception, match="read-only"):
        place.run(lambda connection: connection.execute(text("DELETE FROM users")))


@pytest.mark.parametrize(
    ("harm", "sentence"),
    [
        (lambda url: url.replace("canary", "wrong"), "refuses our user or password"),
        (lambda url: url + "nowhere", "does not exist: create it with createdb"),
        (lambda url: url.replace("//gateway", "//nobody"), "refuses our user or password"),
    ],
    ids=["password", "name", "role"],
)
def test_D07_what_only_the_operator_can_mend_is_told_without_a_secret(
    database: PostgresDatabase, harm: Callable[[str], str], sentence: str
) -> None:
    with pytest.raises(SchemaMismatch, match=sentence) as refused:
        schema.check(harm(database.url))
    assert PASSWORD not in str(refused.value)
    assert "canary" not in str(refused.value)
    assert "wrong" not in str(refused.value)


def test_a_copy_is_pg_dump_s_work(database: PostgresDatabase, tmp_path: Path) -> None:
    with pytest.raises(SchemaMismatch, match="pg_dump") as refused:
        PostgresPlace(database.url).copy(tmp_path / "copy")
    assert "canary" not in str(refused.value)


async def test_while_it_is_held_nothing_is_asked(database: PostgresDatabase) -> None:
    opened = await Database.open(database.url, clock=FakeClock())
    opened._place.hold()
    for question in (opened.ping, opened.users.everyone):
        with pytest.raises(StoreUnavailable, match="not done yet"):
            await question()
    opened._place.release()
    await opened.ping()
    assert await opened.users.everyone() == ()
    await opened.close()


async def test_writes_of_two_nodes_come_one_after_another(database: PostgresDatabase) -> None:
    one = await Database.open(database.url, clock=FakeClock())
    other = await Database.open(database.url, clock=FakeClock())
    entered = asyncio.Event()

    async def first() -> None:
        async with one.users.ledger() as ledger:
            entered.set()
            await asyncio.sleep(0.1)
            assert await ledger.user_with_email("ann@example.com") is None
            await ledger.add_user(email="ann@example.com", verified=True, name=None)

    writing = asyncio.create_task(first())
    await entered.wait()
    assert await other.users.add("ANN@example.com") is None, "it saw what the first one wrote"
    await writing
    await one.close()
    await other.close()

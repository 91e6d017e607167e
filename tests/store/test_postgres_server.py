import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import trustme

from gateway.errors import StoreUnavailable
from gateway.store.postgres_server import (
    CONNECTIONS,
    DRIVER_ERRORS,
    DriverConnection,
    Limits,
    PostgresReader,
    connected,
    fit,
    postgres_outages_told,
    quick,
    told,
)
from gateway.store.standing import LOOKUP
from tests.fakes.postgres_process import PASSWORD, PostgresDatabase, postgres_process, shared

NOBODY = {
    "user_id": "",
    "session": b"",
    "everybody": b"",
    "issuer_sid": b"",
    "issuer_sub": b"",
    "begun_at": 0,
    "provider": "",
    "issuer": "",
    "subject": "",
}


@pytest.fixture
def database(needs: Callable[[str], str]) -> PostgresDatabase:
    needs("postgres")
    return shared().fresh()


@pytest.fixture
async def reader(database: PostgresDatabase) -> AsyncIterator[PostgresReader]:
    async def connect(limits: Limits) -> DriverConnection:
        return await fit(database.url, limits)

    made = PostgresReader(connect, monotonic=time.monotonic)
    yield made
    await made.close()


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("postgresql://u:canary@db.example.com:5433/gateway", "gateway at db.example.com:5433"),
        ("postgresql://u:canary@db/gate%20way?sslmode=require", "gate way at db:5432"),
        ("postgresql://u@/gateway?host=/run/postgresql", "gateway at /run/postgresql"),
    ],
)
def test_D07_a_sentence_never_holds_user_or_password(url: str, name: str) -> None:
    assert told(url) == name


async def test_one_trip_answers_and_the_statement_is_prepared_once(
    reader: PostgresReader, database: PostgresDatabase
) -> None:
    for _ in range(3):
        [row] = await reader.rows(LOOKUP, NOBODY)
        assert row[0] is None
    [connection] = reader._idle
    prepared = await connection.fetch(
        "SELECT calls FROM (SELECT COUNT(*) AS calls FROM pg_prepared_statements) s"
    )
    assert prepared[0]["calls"] <= 3  # this one, the lookup, and the look at the schema


async def test_no_more_connections_are_made_than_are_allowed(
    reader: PostgresReader, database: PostgresDatabase
) -> None:
    await asyncio.gather(*(reader.rows(LOOKUP, NOBODY) for _ in range(5 * CONNECTIONS)))
    assert 1 <= len(reader._idle) <= CONNECTIONS


async def test_a_connection_that_the_server_ended_is_not_noticed(
    reader: PostgresReader, database: PostgresDatabase
) -> None:
    await reader.rows(LOOKUP, NOBODY)
    database.sql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'vestibule'"
    )
    await asyncio.sleep(0.1)
    await reader.rows(LOOKUP, NOBODY)


async def test_a_closed_reader_answers_nothing(reader: PostgresReader) -> None:
    await reader.rows(LOOKUP, NOBODY)
    await reader.close()
    with pytest.raises(StoreUnavailable, match="closed"):
        await reader.rows(LOOKUP, NOBODY)


async def test_D11_another_schema_is_not_used(database: PostgresDatabase) -> None:
    database.sql("UPDATE alembic_version SET version_num = '0001'")
    with pytest.raises(StoreUnavailable, match="schema"):
        await fit(database.url, quick())


async def test_every_connection_has_our_limits(database: PostgresDatabase) -> None:
    connection = await connected(database.url, Limits(connect=5.0, statement=0.25, lock=0.125))
    shown = [await connection.fetchval(f"SHOW {name}") for name in ("statement_timeout", "lock_timeout")]
    assert shown == ["250ms", "125ms"]
    connection.terminate()


async def test_tls_is_what_the_url_says(
    needs: Callable[[str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs("postgres")
    authority, stranger = trustme.CA(), trustme.CA()
    paths = {}
    for name, each in (("ours", authority), ("other", stranger)):
        paths[name] = tmp_path / f"{name}.pem"
        each.cert_pem.write_to_path(paths[name])
    server_s = authority.issue_cert("localhost")
    files = {
        "server.crt": b"".join(blob.bytes() for blob in server_s.cert_chain_pems),
        "server.key": server_s.private_key_pem.bytes(),
    }
    async with postgres_process(files=files, ssl="on") as server:
        url = server.fresh().url
        local = url.replace("127.0.0.1", "localhost")

        async def encrypted(asked: str) -> bool:
            connection = await connected(asked, quick())
            found = await connection.fetchval("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
            connection.terminate()
            return bool(found)

        assert not await encrypted(f"{url}?sslmode=disable")
        assert await encrypted(f"{url}?sslmode=require")
        assert await encrypted(f"{local}?sslmode=verify-full&sslrootcert={paths['ours']}")
        assert await encrypted(f"{url}?sslmode=verify-ca&sslrootcert={paths['ours']}")
        for refused in (
            f"{local}?sslmode=verify-full&sslrootcert={paths['other']}",
            f"{url}?sslmode=verify-full&sslrootcert={paths['ours']}",  # another name than its certificate's
            f"{local}?sslmode=verify-full",  # an authority that the system does not know
            f"{local}?sslmode=verify-ca",
        ):
            with pytest.raises(ssl.SSLCertVerificationError):
                await connected(refused, quick())
        monkeypatch.setenv("SSL_CERT_FILE", str(paths["ours"]))
        assert await encrypted(f"{local}?sslmode=verify-full")


@pytest.mark.parametrize(
    "error",
    [
        *(kind(PASSWORD) for kind in (*DRIVER_ERRORS, OSError)),
        TimeoutError(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_D07_every_failure_is_an_outage_and_ends_its_own_words(error: Exception) -> None:
    with pytest.raises(StoreUnavailable) as outage, postgres_outages_told():
        raise error
    assert PASSWORD not in f"{outage.value!r} {outage.value.__cause__!r}"

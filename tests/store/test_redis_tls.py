"""Contexts from files; what a handshake that fails is called."""

import asyncio
import ssl
from contextlib import closing
from pathlib import Path

import pytest

from gateway.errors import StoreUntrusted
from gateway.store.redis_tls import RedisTls, TlsConnection, prove
from tests.fakes.ports import free_port
from tests.fakes.redis_tls import papers


def test_certificates_and_names_are_checked_by_tls_1_2_at_least(tmp_path: Path) -> None:
    made = papers(tmp_path / "papers")
    for files in (
        RedisTls(),
        RedisTls(ca=str(made.ca)),
        RedisTls(client_cert=str(made.client_cert), client_key=str(made.client_key)),
    ):
        context = files.context()
        assert context.check_hostname
        assert context.verify_mode is ssl.CERT_REQUIRED
        assert context.minimum_version is ssl.TLSVersion.TLSv1_2


def test_unfit_files_are_told_without_what_is_in_them(tmp_path: Path) -> None:
    made = papers(tmp_path / "papers")
    garbage = tmp_path / "garbage.pem"
    garbage.write_text("-----BEGIN CERTIFICATE-----\ncanary\n-----END CERTIFICATE-----\n")
    other = papers(tmp_path / "others")
    for files in (
        RedisTls(ca=str(garbage)),
        RedisTls(ca=str(tmp_path / "none.pem")),
        RedisTls(client_cert=str(made.client_cert)),
        RedisTls(client_cert=str(made.client_cert), client_key=str(other.client_key)),
    ):
        with pytest.raises(StoreUntrusted) as refused:
            files.context()
        assert "redis.tls" in str(refused.value)
        assert "canary" not in str(refused.value)


def test_a_connection_is_made_by_the_prepared_context() -> None:
    context = RedisTls().context()
    connection = TlsConnection(tls=context, host="127.0.0.1", port=1)
    assert connection._connection_arguments()["ssl"] is context


async def test_who_is_away_or_hangs_up_is_no_matter_of_trust(tmp_path: Path) -> None:
    context = RedisTls(ca=str(papers(tmp_path / "papers").ca)).context()
    await prove("127.0.0.1", free_port(), context)

    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    with closing(server):
        await prove("127.0.0.1", server.sockets[0].getsockname()[1], context)


async def test_who_speaks_something_else_is_told(tmp_path: Path) -> None:
    context = RedisTls(ca=str(papers(tmp_path / "papers").ca)).context()

    async def plain(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"-ERR unknown command\r\n")
        writer.close()

    server = await asyncio.start_server(plain, "127.0.0.1", 0)
    with closing(server), pytest.raises(StoreUntrusted, match="agree on no TLS"):
        await prove("127.0.0.1", server.sockets[0].getsockname()[1], context)

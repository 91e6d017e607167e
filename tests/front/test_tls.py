"""TLS on the public port: modern, exchanged between two handshakes, and never plain HTTP."""

import asyncio
import re
import ssl
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from gateway.front.tls import server_context
from gateway.keys.certificate import expires_at
from tests.fakes.front import Door, front
from tests.fakes.gateway import HOST
from tests.fakes.raw_client import get, send_raw
from tests.fakes.reloads import reloading
from tests.fakes.tls import Certificates, exchange, serial

CLOSE = "Connection: close"


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    return Certificates(tmp_path)


async def asked(door: Door, certificates: Certificates, context: ssl.SSLContext | None = None) -> bytes:
    request = get("/page", CLOSE, host=HOST)
    return await exchange(door.port, request, context or certificates.context())


async def test_a_request_over_tls_passes_and_the_upstream_is_told_https(
    tmp_path: Path, certificates: Certificates
) -> None:
    async with front(tmp_path, top=certificates.toml) as door:
        answer = await asked(door, certificates)
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert b"X-Forwarded-Proto: https\r\n" in door.upstream.requests[-1]
        assert b"X-Forwarded-For: 127.0.0.1\r\n" in door.upstream.requests[-1]


async def test_many_requests_share_a_connection_by_both_lanes(
    tmp_path: Path, certificates: Certificates
) -> None:
    async with front(tmp_path, top=certificates.toml) as door:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", door.port, ssl=certificates.context(), server_hostname=HOST
        )
        post = b"POST /x HTTP/1.1\r\nHost: %s\r\nContent-Length: 2\r\n\r\nhi" % HOST.encode()
        for request in (get("/a", host=HOST), get("/b", host=HOST), post, get("/c", host=HOST)):
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200 ")
            assert await reader.readexactly(5) == b"hello"
        writer.close()
        assert len(door.upstream.requests) == 4


async def test_alpn_is_http_1_1_and_tls_1_2_is_the_oldest(tmp_path: Path, certificates: Certificates) -> None:
    async with front(tmp_path, top=certificates.toml) as door:
        context = certificates.context()
        context.set_alpn_protocols(["h2", "http/1.1"])
        _, writer = await asyncio.open_connection("127.0.0.1", door.port, ssl=context, server_hostname=HOST)
        assert writer.get_extra_info("ssl_object").selected_alpn_protocol() == "http/1.1"
        assert writer.get_extra_info("ssl_object").version() == "TLSv1.3"
        writer.close()
        context = certificates.context()
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        assert (await asked(door, certificates, context)).startswith(b"HTTP/1.1 200 ")
        context.set_ciphers("ECDHE+AES:!AESGCM:!AESCCM:@SECLEVEL=0")
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await asked(door, certificates, context)


def test_nothing_is_compressed_or_negotiated_again(certificates: Certificates) -> None:
    context = server_context(str(certificates.cert), str(certificates.key))
    assert context.options & ssl.OP_NO_COMPRESSION
    assert context.options & ssl.OP_NO_RENEGOTIATION


async def test_plain_http_and_nonsense_are_answered_by_no_page(
    tmp_path: Path, certificates: Certificates
) -> None:
    async with front(tmp_path, top=certificates.toml) as door:
        for data in (get("/", host=HOST), b"\x16\x03\x01\x00\x05nope!", b"\x00" * 2000):
            reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
            writer.write(data)
            try:
                answer = await reader.read()
            except ConnectionError:
                answer = b""
            assert b"HTTP/" not in answer
            writer.close()
        assert not door.upstream.requests
        assert (await asked(door, certificates)).startswith(b"HTTP/1.1 200 ")


async def test_B131_another_certificate_is_taken_over_and_connections_that_stand_go_on(
    tmp_path: Path, certificates: Certificates
) -> None:
    async with front(tmp_path, top=certificates.toml) as door:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", door.port, ssl=certificates.context(), server_hostname=HOST
        )
        former = await serial(door.port, certificates.context())
        certificates.renew()
        await door.gateway.app.take_over(door.gateway.app._settings)
        assert await serial(door.port, certificates.context()) != former
        writer.write(get("/a", host=HOST))
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
        writer.close()


async def test_B131_a_broken_pair_keeps_the_old_one(tmp_path: Path, certificates: Certificates) -> None:
    async with front(tmp_path, top=certificates.toml) as door:
        former = await serial(door.port, certificates.context())
        old_key = certificates.key.read_bytes()
        certificates.renew()
        certificates.key.write_bytes(old_key)  # half written: a new certificate, the old key
        with pytest.raises(OSError, match=r"."):
            await door.gateway.app.take_over(door.gateway.app._settings)
        assert await serial(door.port, certificates.context()) == former


async def test_B131_what_changes_on_the_disk_is_taken_over_and_half_of_it_is_told(
    tmp_path: Path, certificates: Certificates
) -> None:
    async with front(tmp_path, top=certificates.toml) as door:
        reload = reloading(door.gateway).reload
        former = await serial(door.port, certificates.context())
        old_key, old_marks = certificates.key.read_bytes(), reload.files()
        certificates.renew()
        new_key = certificates.key.read_bytes()
        certificates.key.write_bytes(old_key)
        assert not await reload.refresh()
        assert reload.files() == old_marks
        assert await serial(door.port, certificates.context()) == former
        certificates.key.write_bytes(new_key)
        assert await reload.refresh()
        assert await serial(door.port, certificates.context()) != former
    [fault] = door.gateway.events("configuration.fault")
    assert fault["setting"] == "tls.cert"
    assert "mismatch" in str(fault["detail"])


async def test_an_operator_sees_when_the_certificate_in_force_ends(
    tmp_path: Path, certificates: Certificates
) -> None:
    async with front(tmp_path, top=certificates.toml) as door:
        answer, _ = await send_raw(door.gateway.admin_port, get("/metrics", host="127.0.0.1"))
        [line] = re.findall(
            rb"^gateway_certificate_expiry_timestamp_seconds (.+)$", answer.body, re.MULTILINE
        )
        assert float(line) == expires_at(str(certificates.cert))
    async with front(tmp_path) as door:
        answer, _ = await send_raw(door.gateway.admin_port, get("/metrics", host="127.0.0.1"))
        assert b"\ngateway_certificate" not in answer.body


async def test_tls_itself_comes_and_goes_with_a_restart_alone(
    tmp_path: Path, certificates: Certificates
) -> None:
    async with front(tmp_path, top=certificates.toml) as door:
        assert not await reloading(door.gateway)(lambda text: text.replace(certificates.toml, ""))
        assert await serial(door.port, certificates.context())
    assert [fault["setting"] for fault in door.gateway.events("configuration.fault")] == ["tls"]


def test_an_encrypted_key_is_refused_and_nobody_is_asked(certificates: Certificates) -> None:
    key = load_pem_private_key(certificates.key.read_bytes(), None)
    sealed = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"canary"))
    certificates.key.write_bytes(sealed)
    with pytest.raises(ValueError, match="encrypted"):
        server_context(str(certificates.cert), str(certificates.key))

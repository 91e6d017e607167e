"""Certificates of clients: verified if shown, told to apps, and told by nobody else."""

import asyncio
import re
import socket
import ssl
from base64 import b64decode
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import RequestRejected
from gateway.front import client_cert
from tests.fakes.front import Door, front
from tests.fakes.gateway import HOST
from tests.fakes.raw_client import RawConnection, get
from tests.fakes.reloads import reloading
from tests.fakes.tls import Certificates, exchange

CLOSE = "Connection: close"
FORGED = ("Client-Cert: :AAAA:", "client-cert: :BBBB:", "Client_Cert: :CCCC:", "Client-Cert-Chain: :DDDD:")
POST = b"POST / HTTP/1.1\r\nHost: %b\r\nContent-Length: 2\r\n\r\nhi" % HOST.encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Clients:
    """Whom the gateway's `client_ca` vouches for."""

    server: Certificates
    authority: trustme.CA
    folder: Path

    @property
    def toml(self) -> str:
        return self.server.toml.replace("}", f', client_ca = "{self.folder / "clients.pem"}" }}')

    def context(self, shown: trustme.LeafCert | None = None) -> ssl.SSLContext:
        context = self.server.context()
        if shown is not None:
            shown.configure_cert(context)
        return context


@pytest.fixture
def clients(tmp_path: Path) -> Clients:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "clients.pem")
    return Clients(server=Certificates(tmp_path), authority=authority, folder=tmp_path)


def der(pem: trustme.Blob) -> bytes:
    return ssl.PEM_cert_to_DER_cert(pem.bytes().decode())


def values(request: bytes, name: str) -> list[bytes]:
    return re.findall(rb"^" + name.encode() + rb": (.*)\r$", request, re.MULTILINE | re.IGNORECASE)


def sequences(value: bytes) -> list[bytes]:
    """The members of a list of byte sequences (RFC 8941 3.1, 3.3.5)."""
    members = value.split(b", ")
    assert all(re.fullmatch(rb":[A-Za-z0-9+/]*={0,2}:", each) for each in members)
    return [b64decode(each[1:-1], validate=True) for each in members]


async def asked(door: Door, context: ssl.SSLContext, *fields: str) -> bytes:
    """Ask with *fields*; return what the upstream got."""
    answer = await exchange(door.port, get("/", CLOSE, *fields, host=HOST), context)
    assert answer.startswith(b"HTTP/1.1 200 ")
    return door.upstream.requests[-1]


async def turned_away(door: Door, context: ssl.SSLContext) -> bool:
    try:
        return not await exchange(door.port, get("/", CLOSE, host=HOST), context)
    except (ssl.SSLError, ConnectionError):
        return True


async def test_apps_are_told_of_the_certificate_and_of_who_vouches_for_it(
    tmp_path: Path, clients: Clients
) -> None:
    issuing = clients.authority.create_child_ca()
    shown = issuing.issue_cert("alice@example.com")
    context = clients.context(shown)
    async with front(tmp_path, top=clients.toml) as door:
        request = await asked(door, context)
        [own], [chain] = values(request, "Client-Cert"), values(request, "Client-Cert-Chain")
        assert sequences(own) == [der(shown.cert_chain_pems[0])]
        assert sequences(chain) == [der(issuing.cert_pem), der(clients.authority.cert_pem)]


async def test_who_shows_none_passes_and_is_told_of_by_nothing(tmp_path: Path, clients: Clients) -> None:
    async with front(tmp_path, top=clients.toml) as door:
        assert b"client-cert" not in (await asked(door, clients.context())).lower()


@pytest.mark.parametrize("shows", [False, True])
@pytest.mark.parametrize("trusted", ["", 'trusted_proxies = ["127.0.0.1/32"]\n'])
async def test_I22_what_a_header_claims_is_never_passed_on(
    tmp_path: Path, clients: Clients, trusted: str, *, shows: bool
) -> None:
    shown = clients.authority.issue_cert("alice@example.com") if shows else None
    async with front(tmp_path, top=trusted + clients.toml) as door:
        request = await asked(door, clients.context(shown), *FORGED, "Connection: Client-Cert")
        told = values(request, "client.cert") + values(request, "client_cert")
        assert [sequences(each) for each in told] == ([[der(shown.cert_chain_pems[0])]] if shown else [])
        assert b"AAAA" not in request.partition(b"Client-Cert: ")[0]
        assert not any(each in request for each in (b":BBBB:", b":CCCC:", b":DDDD:"))


async def test_I22_where_no_client_shows_any_a_header_is_dropped_too(tmp_path: Path) -> None:
    async with front(tmp_path, top='trusted_proxies = ["127.0.0.1/32"]') as door:
        request = await door.passes(get("/", *FORGED, host=HOST))
        assert not re.search(rb"client.cert", request, re.IGNORECASE)


async def test_I22_no_connection_tells_of_anothers_certificate_in_either_lane(
    tmp_path: Path, clients: Clients
) -> None:
    async with front(tmp_path, top=clients.toml) as door:
        names = ("alice@example.com", "bob@example.com", None)
        shown = [None if name is None else clients.authority.issue_cert(name) for name in names]
        open_ones = [
            await RawConnection.open(door.port, tls=clients.context(each), name=HOST) for each in shown
        ]
        for request in (get("/a", host=HOST), get("/b", host=HOST), POST, get("/a", host=HOST)):
            for client, certificate in zip(open_ones, shown, strict=True):
                await client.write(request)
                assert (await client.answer()).status == 200
                told = values(door.upstream.requests[-1], "Client-Cert")
                wanted = [] if certificate is None else [der(certificate.cert_chain_pems[0])]
                assert [sequences(each)[0] for each in told] == wanted
        for client in open_ones:
            client.close()


async def test_I22_a_certificate_that_nobody_vouches_for_ends_the_handshake(
    tmp_path: Path, clients: Clients
) -> None:
    async with front(tmp_path, top=clients.toml) as door:
        for authority in (trustme.CA(), clients.server.authority):
            context = clients.context(authority.issue_cert("alice@example.com"))
            assert await turned_away(door, context)
        assert not door.upstream.requests


def resumed(port: int, context: ssl.SSLContext) -> tuple[bool, list[bytes]]:
    """Ask twice, the second time with the session of the first; say whether it was resumed."""
    session: Any = None
    reused, answers = False, []
    for _ in range(2):
        plain = socket.create_connection(("127.0.0.1", port), timeout=15)
        with context.wrap_socket(plain, server_hostname=HOST, session=session) as tls:
            tls.sendall(get("/", CLOSE, host=HOST))
            answers.append(tls.recv(65536))
            session, reused = tls.session, bool(tls.session_reused)
    return reused, answers


async def test_I22_older_tls_whose_sessions_lose_the_chain_is_turned_away(
    tmp_path: Path, clients: Clients
) -> None:
    context = clients.context(clients.authority.issue_cert("alice@example.com"))
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    async with front(tmp_path, top=clients.toml) as door:
        assert await turned_away(door, context)
        assert not door.upstream.requests


async def test_I22_no_session_goes_on_and_the_chain_is_the_same(tmp_path: Path, clients: Clients) -> None:
    issuing = clients.authority.create_child_ca()
    context = clients.context(issuing.issue_cert("alice@example.com"))
    async with front(tmp_path, top=clients.toml) as door:
        reused, answers = await asyncio.to_thread(resumed, door.port, context)
        assert not reused
        assert all(each.startswith(b"HTTP/1.1 200 ") for each in answers)
        first, second = door.upstream.requests
        for name in ("Client-Cert", "Client-Cert-Chain"):
            assert values(first, name) == values(second, name)
            assert values(second, name)


async def test_B131_other_authorities_are_taken_over_with_the_files(tmp_path: Path, clients: Clients) -> None:
    former = clients.authority.issue_cert("alice@example.com")
    successor = trustme.CA()
    async with front(tmp_path, top=clients.toml) as door:
        reload = reloading(door.gateway)
        await asked(door, clients.context(former))
        (clients.folder / "clients.pem").write_bytes(b"half a file")
        assert not await reload.reload.refresh()
        await asked(door, clients.context(former))
        successor.cert_pem.write_to_path(clients.folder / "clients.pem")
        assert await reload.reload.refresh()
        assert await turned_away(door, clients.context(former))
        assert values(
            await asked(door, clients.context(successor.issue_cert("bob@example.com"))), "Client-Cert"
        )
        assert await reload(lambda text: re.sub(r", client_ca = [^}]*}", " }", text))
        assert not values(await asked(door, clients.context(former)), "Client-Cert")
    [fault] = door.gateway.events("configuration.fault")
    assert fault["setting"] == "tls.client_ca"


async def test_a_certificate_that_no_header_could_carry_ends_the_connection(
    tmp_path: Path, clients: Clients
) -> None:
    many = [f"{'a' * 50}-{number}.example.com" for number in range(300)]
    async with front(tmp_path, top=clients.toml) as door:
        assert await turned_away(door, clients.context(clients.authority.issue_cert(*many)))
        assert not door.upstream.requests
        await asked(door, clients.context())
    [told] = door.gateway.events("client_certificate.refused")
    assert (told["peer"], told["level"]) == ("127.0.0.1", "warning")


class Shown:
    """A handshake as far as its certificates go."""

    def __init__(self, *chain: bytes) -> None:
        self._chain = chain

    @property
    def _sslobj(self) -> "Shown":
        return self

    def getpeercert(self, *, binary_form: bool) -> bytes | None:
        assert binary_form
        return self._chain[0] if self._chain else None

    def get_verified_chain(self) -> list[Any]:
        import sys

        return list(self._chain) if sys.version_info >= (3, 13) else [Encoded(each) for each in self._chain]


class Encoded(bytes):
    def public_bytes(self, _: int) -> bytes:
        return bytes(self)


@given(st.lists(st.binary(max_size=200), max_size=5))
def test_lines_say_what_was_shown_byte_for_byte(chain: list[bytes]) -> None:
    lines = client_cert.told(Shown(*chain))  # type: ignore[arg-type]
    told = [*values(lines, "Client-Cert"), *values(lines, "Client-Cert-Chain")]
    assert [der for each in told for der in sequences(each)] == chain
    assert lines.count(b"\r\n") == min(len(chain), 2)


def test_the_bound_is_on_all_that_is_told() -> None:
    around = len(client_cert.told(Shown(b"", b"")))  # type: ignore[arg-type]
    fits = (client_cert.MOST - around) // 4 * 3
    assert len(client_cert.told(Shown(b"", bytes(fits)))) <= client_cert.MOST  # type: ignore[arg-type]
    with pytest.raises(RequestRejected):
        client_cert.told(Shown(b"", bytes(fits + 3)))  # type: ignore[arg-type]

"""Calls to issuers: the only aiohttp client of the house.

Law: no cookie, redirect, proxy variable, decompression or reused connection; every call has a
deadline and a byte cap; no foreign error leaves, because aiohttp's carry the headers we sent.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError
from yarl import URL

from gateway.errors import IssuerUnavailable

MEBIBYTE = 1024 * 1024
DEADLINE = 10.0
CALLS_AT_ONCE = 50
LONGEST_WAIT = 2.0
_CHUNK = 64 * 1024
_FIELD = 1024
_HEADERS = {
    "Accept": "application/json",
    "Accept-Encoding": "identity",
    "User-Agent": "vestibule",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuerAnswer:
    """A whole answer of an issuer: the status and at most the allowed bytes.

    `dpop_nonce` and `challenge` are the fields `DPoP-Nonce` and `WWW-Authenticate` as they came, the
    latter empty where there is none, and all of it where it comes in several lines; `kind` is the media
    type in lower case.
    """

    status: int
    body: bytes = field(repr=False)
    dpop_nonce: str | None = field(default=None, repr=False)
    challenge: str = field(default="", repr=False)
    kind: str = ""


class IssuerHttp:
    """Bounded HTTP calls to issuers; `close` ends them all.

    *tls* replaces the system's trust store; *deadline* (seconds) bounds each call whatever the caller
    allows. Every failure is IssuerUnavailable, whose text names
    the host and the kind of failure, never what was sent or received.
    """

    def __init__(self, *, tls: ssl.SSLContext | None = None, deadline: float = DEADLINE) -> None:
        self._tls = tls
        self._deadline = deadline
        self._slots = asyncio.Semaphore(CALLS_AT_ONCE)
        self._session: aiohttp.ClientSession | None = None
        self._closed = False

    async def get(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        limit: int = MEBIBYTE,
        deadline: float = DEADLINE,
    ) -> IssuerAnswer:
        """Return the answer to a GET of *url*, at most *limit* bytes, within *deadline* seconds."""
        return await self._call("GET", url, headers=headers or {}, body=None, limit=limit, deadline=deadline)

    async def post_form(
        self,
        url: str,
        form: str,
        *,
        headers: Mapping[str, str] | None = None,
        limit: int = MEBIBYTE,
        deadline: float = DEADLINE,
    ) -> IssuerAnswer:
        """Return the answer to a POST of *form*, already encoded; it is sent once and never tried again."""
        sent = {**(headers or {}), "Content-Type": "application/x-www-form-urlencoded"}
        return await self._call("POST", url, headers=sent, body=form, limit=limit, deadline=deadline)

    async def post_json(
        self,
        url: str,
        document: str,
        *,
        headers: Mapping[str, str] | None = None,
        limit: int = MEBIBYTE,
        deadline: float = DEADLINE,
    ) -> IssuerAnswer:
        """Return the answer to a POST of *document*, JSON in ASCII; it is sent once and never tried again."""
        sent = {**(headers or {}), "Content-Type": "application/json"}
        return await self._call("POST", url, headers=sent, body=document, limit=limit, deadline=deadline)

    async def delete(
        self,
        url: str,
        *,
        headers: Mapping[str, str],
        limit: int = MEBIBYTE,
        deadline: float = DEADLINE,
    ) -> IssuerAnswer:
        """Return the answer to a DELETE of *url*; it is sent once and never tried again."""
        return await self._call("DELETE", url, headers=headers, body=None, limit=limit, deadline=deadline)

    async def close(self) -> None:
        """End every call and refuse new ones."""
        self._closed = True
        if self._session is not None:
            await self._session.close()

    async def _call(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: str | None,
        limit: int,
        deadline: float,
    ) -> IssuerAnswer:
        address = _address(url)
        with _outage_at(address):
            async with (
                asyncio.timeout(min(deadline, self._deadline)),
                self._slot(),
                self._open().request(
                    method,
                    address,
                    data=None if body is None else body.encode("ascii"),
                    headers={**_HEADERS, **headers},
                    allow_redirects=False,
                ) as response,
            ):
                return IssuerAnswer(
                    status=response.status,
                    body=await _read(response, limit),
                    dpop_nonce=response.headers.get("DPoP-Nonce"),
                    challenge=", ".join(response.headers.getall("WWW-Authenticate", ()))[:_FIELD],
                    kind=response.content_type.lower(),
                )

    @asynccontextmanager
    async def _slot(self) -> AsyncIterator[None]:
        async with asyncio.timeout(LONGEST_WAIT):
            await self._slots.acquire()
        try:
            yield
        finally:
            self._slots.release()

    def _open(self) -> aiohttp.ClientSession:
        """Return the session, made at the first call: its connector belongs to the running loop."""
        if self._closed:
            raise IssuerUnavailable("calls to issuers have ended")
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    ssl=self._tls or True,
                    resolver=aiohttp.ThreadedResolver(),
                    limit=0,  # the slots count
                    # A kept connection may hold bytes that nobody asked for, or be dead when the
                    # one code is sent over it.
                    force_close=True,
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
                auto_decompress=False,
                timeout=aiohttp.ClientTimeout(total=self._deadline),
            )
        return self._session


async def _read(response: aiohttp.ClientResponse, limit: int) -> bytes:
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise IssuerUnavailable("an answer in a coding that was not asked for")
    body = bytearray()
    async for chunk in response.content.iter_chunked(_CHUNK):
        body += chunk
        if len(body) > limit:
            raise IssuerUnavailable(f"an answer of more than {limit} bytes")
    return bytes(body)


def _address(url: str) -> URL:
    try:
        return URL(url, encoded=True)
    except ValueError:
        raise IssuerUnavailable("an address that cannot be read") from None


@contextmanager
def _outage_at(address: URL) -> Iterator[None]:
    """Translate whatever the client raises; the cause is dropped, for it holds secrets (rule F9)."""
    try:
        yield
    except (aiohttp.ClientError, HttpProcessingError, OSError, TimeoutError, ValueError, EOFError) as error:
        raise IssuerUnavailable(f"{address.host}: {type(error).__name__}") from None

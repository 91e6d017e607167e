"""The request's body as it streams in: asked for after admission, bounded, and read at most once."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Protocol

from aiohttp import StreamReader
from aiohttp.web_protocol import RequestPayloadError

from gateway.errors import ContentTooLarge, RequestRejected, RequestTimedOut
from gateway.front.limits import Limits


class Sender(Protocol):
    """Whoever sends a body."""

    def hold_back(self) -> None:
        """Let it send no more than is here now or comes next."""
        ...

    def go_on(self) -> None:
        """Let it send."""
        ...


class Present:
    """The sender of a body that is here, who need not wait."""

    def hold_back(self) -> None: ...
    def go_on(self) -> None: ...


PRESENT = Present()


class RequestBody:
    """One request's body, as it comes from *sender*, who waits while a large piece of it is passed on.

    Chunk extensions and trailers were dropped by the parser.
    """

    def __init__(self, payload: StreamReader, *, limits: Limits, sender: Sender = PRESENT) -> None:
        self._payload = payload
        self._limits = limits
        self._sender = sender
        self._proceed: Callable[[], None] | None = None
        self._waited = 0.0

    def ask_with(self, proceed: Callable[[], None]) -> None:
        """Call *proceed*, which writes `100 Continue`, when the first byte is wanted.

        A refused request is so never asked to send its body (RFC 9110 10.1.1).
        """
        self._proceed = proceed

    @property
    def unread(self) -> bool:
        """Whether bytes of the body are still to come."""
        return not self._payload.is_eof()

    def at_hand(self, *, most: int | None) -> bytes | None:
        """Return the body where all of it has come, and was not read yet; else None, and nothing is taken.

        Nobody need be asked for it then. Raises ContentTooLarge for more than *most* bytes.
        """
        payload = self._payload
        if not payload.is_eof() or payload.exception() is not None:
            return None
        self._proceed = None
        body = payload.read_nowait()
        if most is not None and len(body) > most:
            raise ContentTooLarge(f"more than {most} bytes")
        return body

    async def chunks(self, *, most: int | None) -> AsyncIterator[bytes]:
        """Yield the body as it comes.

        Raises ContentTooLarge at the first byte above *most*, RequestTimedOut where the client
        stands still or creeps, RequestRejected where the framing breaks, ConnectionError where the
        client is gone.
        """
        if self._proceed is not None:
            self._proceed()
            self._proceed = None
        seen = 0
        while chunk := await self._next(seen):
            seen += len(chunk)
            if most is not None and seen > most:
                raise ContentTooLarge(f"more than {most} bytes")
            yield chunk
            del chunk  # else it is kept until another has come, twice the memory

    async def read(self, most: int) -> bytes:
        """Return the whole body of at most *most* bytes; raises as `chunks` does."""
        return b"".join([chunk async for chunk in self.chunks(most=most)])

    async def _next(self, seen: int) -> bytes:
        clock = asyncio.get_running_loop().time
        began = clock()
        self._sender.go_on()
        self._sender.hold_back()
        try:
            async with asyncio.timeout(self._limits.body_idle):
                chunk = await self._payload.readany()
        except TimeoutError:
            raise RequestTimedOut("body stood still") from None
        except RequestPayloadError:
            raise RequestRejected("body framing is broken") from None
        # Only the time that the client was waited for counts, not what the upstream took.
        self._waited += clock() - began
        if not self.unread:
            self._sender.go_on()
        if self._creeps(seen + len(chunk)):
            raise RequestTimedOut("body came too slowly")
        return chunk

    def _creeps(self, seen: int) -> bool:
        waited, limits = self._waited, self._limits
        return waited > limits.body_grace and self.unread and seen < limits.body_rate * waited

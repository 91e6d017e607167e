"""The connections to one upstream: the last one used goes out first, and never more than a bound."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Protocol

from gateway.errors import GatewayError, UpstreamBroken, UpstreamBusy, UpstreamTimeout, UpstreamUnreachable
from gateway.model.turn import Turn
from gateway.model.upstream import Member, Upstream
from gateway.upstream.answer_head import AnswerHeads
from gateway.upstream.exchange import Content, Exchange, nowhere
from gateway.upstream.names import Resolve, Whereabouts
from gateway.upstream.outbound import Outbound
from gateway.upstream.trust import context_for
from gateway.upstream.wire import Connection, Released

_CLOSING = "the gateway is closing"


class Witness(Protocol):
    """Hears how requests fare at a member."""

    def fared_well(self) -> None: ...
    def failed(self) -> None: ...


class _Nobody:
    """Goes by nothing."""

    def fared_well(self) -> None: ...
    def failed(self) -> None: ...


class Pool:
    """Sends requests to one *member* of *upstream*.

    No more connections are open than the upstream's limits allow; a request waits for one as long as
    it would for a connection, and is refused where too many wait. *witness* hears whether a connection
    could be made, and whether an answer was whole; *resolve* tells where hosts are, by default as the system
    does. Raises OSError where the files of the upstream's trust cannot be used.
    """

    def __init__(
        self,
        upstream: Upstream,
        member: Member,
        *,
        heads: AnswerHeads,
        witness: Witness | None = None,
        resolve: Resolve | None = None,
    ) -> None:
        self._upstream = upstream
        self._member = member
        self._heads = heads
        self._witness = witness or _Nobody()
        self._tls = context_for(upstream.trust) if member.tls else None
        self._limits = upstream.limits
        self._whereabouts = Whereabouts(member.host, resolve=resolve)
        self._turn = Turn()
        self._taken = 0
        self._idle: list[Connection] = []
        self._open: set[Connection] = set()
        self._released: set[Released] = set()
        self._waiting: deque[asyncio.Future[Connection | None]] = deque()
        self._closing: asyncio.Future[None] | None = None

    def send(
        self,
        outbound: Outbound,
        body: Content | None = None,
        *,
        again: bool = False,
        elsewhere: Callable[[], bool] = nowhere,
    ) -> Exchange:
        """Return the context in which *outbound* is sent and its answer read.

        *body* is sent, and before that read where it still comes, if *outbound* announces one. *again* says
        that this is the one repetition, which takes a new connection; *elsewhere* whether one that is due is
        better made at another member. Entering raises UpstreamUnreachable, UpstreamBroken, UpstreamTimeout or
        UpstreamBusy, and what *body* raises.
        """
        return Exchange(self, outbound, body, again=again, elsewhere=elsewhere)

    async def close(self) -> None:
        """Close every connection, at once, and return when they are gone."""
        self._closing = asyncio.get_running_loop().create_future()
        for connection in tuple(self._open):
            connection.drop(UpstreamUnreachable(_CLOSING))
        for end in tuple(self._released):
            end.abort()
        await self._whereabouts.close()
        if self._open or self._released:
            await self._closing

    @property
    def busy(self) -> int:
        """How many requests are under way, or wait for a connection."""
        return self._taken - len(self._idle) + len(self._waiting)

    # What an exchange asks for.

    def idle(self, _outbound: Outbound) -> Connection | None:
        """Take the connection that was used last, if one is open and has been silent."""
        while self._idle:
            connection = self._idle.pop()
            if connection.silent():
                return connection
            connection.drop()
        return None

    async def connect(self) -> Connection:
        """Open a connection, or wait for one where no more may be opened and none idles."""
        if self._taken < self._limits.connections:
            self._taken += 1
        elif self._idle:
            self._replaced(self._idle.pop(0))
        elif handed := await self._wait():
            if handed.silent():
                return handed
            if not self._replaced(handed):
                return await self.connect()
        try:
            if self._closing is not None:
                raise UpstreamUnreachable(_CLOSING)
            return await self._dial()
        except BaseException:
            self._free()
            raise

    def _replaced(self, connection: Connection) -> bool:
        """Close *connection* and keep its place; False where it has lost that already."""
        if connection not in self._open:
            return False
        self._open.remove(connection)
        connection.drop()
        return True

    async def _dial(self) -> Connection:
        try:
            with _translated(self._member.url):
                async with asyncio.timeout(self._upstream.timeouts.connect):
                    connection = await self._dialled()
            if connection.closed:
                raise UpstreamUnreachable(f"{self._member.url} hung up at once")
        except GatewayError:
            self._witness.failed()
            raise
        if self._closing is not None:
            connection.drop()
            raise UpstreamUnreachable(_CLOSING)
        self._open.add(connection)
        return connection

    async def _dialled(self) -> Connection:
        """Return a new connection, to the first address of the host that takes one."""
        if self._member.socket:
            loop = asyncio.get_running_loop()
            _, connection = await loop.create_unix_connection(self._new_connection, self._member.socket)
            return connection
        found = await self._whereabouts.now()
        refused: OSError = OSError("the host has no address")
        for address in found.addresses:
            try:
                return await self._dialled_at(address, found.at)
            except OSError as error:
                refused = error
        raise refused

    async def _dialled_at(self, address: str, found_at: float) -> Connection:
        name = (self._upstream.trust.server_name or self._member.host) if self._tls else None
        _, connection = await asyncio.get_running_loop().create_connection(
            lambda: self._new_connection(found_at),
            address,
            self._member.port,
            ssl=self._tls,
            server_hostname=name,
        )
        return connection

    def _new_connection(self, found_at: float | None = None) -> Connection:
        upstream = self._upstream
        return Connection(
            owner=self,
            timeouts=upstream.timeouts,
            heads=self._heads,
            turn=self._turn,
            reuse=upstream.reuse,
            found_at=found_at,
        )

    # What a connection tells.

    def keep(self, connection: Connection) -> None:
        """Take back a connection that may carry another exchange, for as long as its address holds."""
        self._witness.fared_well()
        if not self._hand(connection):
            self._idle.append(connection)

    def release(self, connection: Connection, successor: Released) -> None:
        """Let a connection that left HTTP, and may stay for hours, take nobody's place."""
        self._open.discard(connection)
        self._released.add(successor)
        self._free()

    def forget(self, end: Released) -> None:
        """Forget what had left HTTP: its connection is gone."""
        self._released.discard(end)
        self._check_closed()

    def lose(self, connection: Connection) -> None:
        """Forget a connection that has ended."""
        if _failed(connection):
            self._witness.failed()
        if connection in self._idle:
            self._idle.remove(connection)
        if connection in self._open:  # else it ended while it was being made, which `connect` sees for itself
            self._open.remove(connection)
            self._free()
        self._check_closed()

    def _check_closed(self) -> None:
        closing, left = self._closing, self._open or self._released
        if closing is not None and not left and not closing.done():
            closing.set_result(None)

    # Waiting for a connection.

    def _free(self) -> None:
        if not self._hand(None):
            self._taken -= 1

    def _hand(self, connection: Connection | None) -> bool:
        """Give a connection, or the right to open one, to whoever has waited longest."""
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(connection)
                return True
        return False

    async def _wait(self) -> Connection | None:
        if len(self._waiting) >= self._limits.queue:
            raise UpstreamBusy(f"{len(self._waiting)} requests wait for {self._member.url}")
        waiter: asyncio.Future[Connection | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        try:
            with _translated(self._member.url):
                async with asyncio.timeout(self._upstream.timeouts.connect):
                    return await waiter
        except BaseException:
            if waiter.done() and not waiter.cancelled():
                self._return(waiter.result())
            with suppress(ValueError):  # it was passed over already
                self._waiting.remove(waiter)
            raise

    def _return(self, handed: Connection | None) -> None:
        if handed is None:
            self._free()
        elif not handed.closed:  # else its place comes back by itself
            self.keep(handed)


def _failed(connection: Connection) -> bool:
    """Say whether the upstream failed a request. That a kept connection broke proves nothing: it may have
    idled for too long, and whether a new one can be had shows at the next request."""
    if isinstance(connection.failure, UpstreamBroken):
        return not connection.used
    return isinstance(connection.failure, UpstreamTimeout)


@contextmanager
def _translated(name: str) -> Iterator[None]:
    """Turn what the system says about a connection into what the gateway says."""
    try:
        yield
    except TimeoutError as error:
        raise UpstreamTimeout(f"no connection to {name} in time") from error
    except (OSError, UnicodeError) as error:
        raise UpstreamUnreachable(f"no connection to {name}: {type(error).__name__}") from error

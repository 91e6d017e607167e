"""All connections of the public port: made, counted, drained."""

import asyncio
from collections.abc import Callable

from aiohttp import http_parser, web
from aiohttp.web_protocol import RequestHandler
from aiohttp.web_request import BaseRequest

from gateway.front.connection import Connection, FastLane, Refuse, Serve
from gateway.front.crowd import BUSY, Crowd, Newcomer
from gateway.front.ends import End, Near
from gateway.front.intake import check_names
from gateway.front.limits import Limits
from gateway.model.turn import Turn

Certificate = Callable[[Connection, asyncio.Transport], bytes | None]
# How long a request that was cut is given to notice, in seconds.
_CANCELLING = 1.0


class Server(web.Server):
    """Makes our connections, and ends them.

    *certificate* gives what apps are told of the certificate that a client showed, None where it may not
    come in with it.
    """

    def __init__(
        self,
        serve: Serve,
        *,
        limits: Limits,
        refuse: Refuse,
        crowd: Crowd,
        lane: FastLane | None = None,
        certificate: Certificate | None = None,
    ) -> None:
        super().__init__(_never, handler_cancellation=True)
        self._serve = serve
        self._limits = limits
        self._refuse = refuse
        self._lane = lane
        self._certificate = certificate
        self._crowd = crowd
        self._turn = Turn()
        self._open: dict[Connection | Near, asyncio.Transport] = {}
        self._all_gone: asyncio.Future[None] | None = None

    def __call__(self) -> Connection:
        return self.receive(None)

    def receive(self, arrival: Newcomer | None) -> Connection:
        """Return what serves a new connection; where it was counted as *arrival*, it takes its place."""
        loop = asyncio.get_running_loop()
        return Connection(
            self,
            loop=loop,
            limits=self._limits,
            serve=self._serve,
            refuse=self._refuse,
            turn=self._turn,
            lane=self._lane,
            arrival=arrival,
        )

    @property
    def open_connections(self) -> int:
        return len(self._open)

    def connection_made(self, handler: RequestHandler, transport: asyncio.Transport) -> None:
        super().connection_made(handler, transport)
        if isinstance(handler, Connection):
            self._open[handler] = transport
            self._admit(handler, transport)
        if self._all_gone is not None:
            transport.abort()

    def _admit(self, handler: Connection, transport: asyncio.Transport) -> None:
        arrival, handler.arrival = handler.arrival, None
        if arrival is None:
            if not self._crowd.enter(handler):
                transport.write(BUSY)
                transport.close()
        elif not self._crowd.hand_on(arrival, handler):
            transport.abort()
            # Its arrival is being cancelled, and uvloop then forgets to say that the connection is lost.
            asyncio.get_running_loop().call_soon(handler.connection_lost, None)
        elif self._certificate is not None:
            shown = self._certificate(handler, transport)
            if shown is None:
                transport.abort()
            else:
                handler.client_cert = shown

    def connection_lost(self, handler: RequestHandler, exc: BaseException | None = None) -> None:
        super().connection_lost(handler, exc)
        if isinstance(handler, Connection):
            self._gone(handler)

    def give_place(self, connection: Connection, near: Near, transport: asyncio.Transport) -> None:
        """Count *near*, on *transport*, in the place of *connection*, which has left HTTP."""
        self._open[near] = transport
        self._crowd.hand_on(connection, near)
        if self._all_gone is not None:
            asyncio.get_running_loop().call_soon(near.wind_down)

    def forget(self, end: End) -> None:
        """Count *end* out: its connection is gone."""
        if isinstance(end, Near):
            self._gone(end)

    def _gone(self, guest: Connection | Near) -> None:
        self._open.pop(guest, None)
        self._crowd.leave(guest)
        if not self._open and self._all_gone is not None and not self._all_gone.done():
            self._all_gone.set_result(None)

    async def drain(self, seconds: float, *, patience: float = 0.0) -> None:
        """Close idle connections at once, the others after their answer, all after *seconds*.

        With *patience* clients have so many seconds for one more request, whose answer says that it is the
        last one: none is sent to a connection that is just being closed.
        """
        self._all_gone = asyncio.get_running_loop().create_future()
        await asyncio.sleep(0)  # one that was just accepted is idle only after its first step
        serving = [each for each in self._open if isinstance(each, Connection)]
        tasks = [task for each in serving if (task := each.task) is not None]
        for each in list(self._open):
            if isinstance(each, Connection):
                each.wind_down(patience)
            else:
                each.wind_down()
        if self._open:
            await asyncio.wait((self._all_gone,), timeout=seconds)
        for transport in list(self._open.values()):
            transport.abort()
        if tasks:
            await asyncio.wait(tasks, timeout=_CANCELLING)
        if self._open:
            await asyncio.wait((self._all_gone,), timeout=_CANCELLING)


async def _never(_request: BaseRequest) -> web.StreamResponse:
    """Stand where the library wants a handler: our connections serve by themselves."""
    raise NotImplementedError


def check_server() -> None:
    """Raise RuntimeError unless aiohttp has its C parser and the names that we rely on."""
    if http_parser.HttpRequestParser is http_parser.HttpRequestParserPy:
        raise RuntimeError("aiohttp runs without its C parser: reinstall it with its compiled extension")
    check_names()

"""The admin port: health, metrics and public keys; read-only, static bodies, no cookies (rule C13).

It never asks an issuer, names no upstream and says no version. `/livez` says only that the loop
turns.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from aiohttp import web

from gateway.observe.metrics import CONTENT_TYPE

PATIENCE = 1.0

_LAST = 3.0  # seconds that answers have once nobody listens any more
_STEPS = 5  # turns of the event loop from a connection's arrival until it waits for its request


class Readiness(Protocol):
    """What has to answer before requests are of use."""

    @property
    def checks(self) -> Mapping[str, Callable[[], Awaitable[bool]]]:
        """The named checks, such as `database`; each may raise, which counts as no."""
        ...


@dataclass(slots=True, kw_only=True)
class Stage:
    """Where the process is between start and end; written by the composition root alone.

    `replaced` says that another process serves the port, so that the end of this one concerns nobody.
    """

    started: bool = False
    draining: bool = False
    replaced: bool = False


class AdminPort:
    """Makes the aiohttp application of the admin port; *jwks* is a JWK Set in JSON."""

    def __init__(
        self,
        *,
        readiness: Readiness,
        stage: Stage,
        exposition: Callable[[], Awaitable[bytes]],
        jwks: Callable[[], Awaitable[bytes]],
    ) -> None:
        self._readiness = readiness
        self._stage = stage
        self._exposition = exposition
        self._jwks = jwks
        self._sites: dict[socket.socket, web.SockSite] = {}

    async def open(self, listening: Iterable[socket.socket]) -> Callable[[], Awaitable[None]]:
        """Serve *listening*, bound sockets; return what ends that, and closes them first. Raises OSError."""
        runner = web.AppRunner(
            self.application(), access_log=None, handle_signals=False, shutdown_timeout=_LAST
        )
        await runner.setup()
        try:
            for each in listening:
                site = self._sites[each] = web.SockSite(runner, each)
                await site.start()
        except BaseException:
            await runner.cleanup()
            raise
        return partial(self._close, runner)

    async def leave(self) -> None:
        """Listen no more; who has come already is answered once more."""
        self._stage.replaced = True
        await self._listen_no_more()

    async def _listen_no_more(self) -> None:
        """Close what listens, once all are known that were let in: asyncio loses those it has not met yet,
        and aiohttp waits for those that do not wait for their request yet."""
        sites, self._sites = self._sites, {}
        for each in sites:
            asyncio.get_running_loop().remove_reader(each)
        for _ in range(_STEPS):
            await asyncio.sleep(0)
        for site in sites.values():
            await site.stop()

    async def _close(self, runner: web.AppRunner) -> None:
        await self._listen_no_more()
        await runner.cleanup()

    def application(self) -> web.Application:
        """Return the application: exact paths, GET and HEAD only."""
        application = web.Application()
        application.add_routes(
            [
                web.get("/livez", self._livez),
                web.get("/readyz", self._readyz),
                web.get("/startupz", self._startupz),
                web.get("/metrics", self._metrics),
                web.get("/.well-known/jwks.json", self._keys),
            ]
        )
        application.on_response_prepare.append(self._complete)
        return application

    async def _livez(self, _request: web.Request) -> web.Response:
        return _verdict(well=True)

    async def _startupz(self, _request: web.Request) -> web.Response:
        return _verdict(well=self._stage.started)

    async def _readyz(self, request: web.Request) -> web.Response:
        found = await verdicts(self._readiness)
        found["draining"] = self._stage.replaced or not self._stage.draining
        well = self._stage.started and all(found.values())
        if "verbose" not in request.query:
            return _verdict(well=well)
        lines = [f"[{'+' if held else '-'}] {name}" for name, held in found.items() if name != "draining"]
        lines += [] if found["draining"] else ["[-] draining"]
        return web.Response(status=200 if well else 503, text="\n".join(lines) + "\n")

    async def _metrics(self, _request: web.Request) -> web.Response:
        return web.Response(body=await self._exposition(), headers={"Content-Type": CONTENT_TYPE})

    async def _complete(self, _request: web.Request, response: web.StreamResponse) -> None:
        response.headers["Cache-Control"] = "no-store"
        response.headers.pop("Server", None)
        if self._stage.replaced:
            response.headers["Connection"] = "close"
            response.force_close()

    async def _keys(self, _request: web.Request) -> web.Response:
        return web.Response(body=await self._jwks(), content_type="application/json")


async def verdicts(readiness: Readiness) -> dict[str, bool]:
    """Return what each check says now; one that fails or takes too long says no."""
    checks = readiness.checks
    answers = await asyncio.gather(*[_holds(check) for check in checks.values()])
    return dict(zip(checks, answers, strict=True))


async def _holds(check: Callable[[], Awaitable[bool]]) -> bool:
    try:
        async with asyncio.timeout(PATIENCE):
            return await check()
    except Exception:  # whatever stops a check from saying yes is a no
        return False


def _verdict(*, well: bool) -> web.Response:
    return web.Response(status=200 if well else 503, text="ok\n" if well else "unavailable\n")

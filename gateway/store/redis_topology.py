"""A Redis of however many servers, as those see it who keep something there.

A verb hands over commands that are about one key each, and gets their answers; who follows changes
gets the servers that hold what is kept. Which server that is, is known here and below only.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from gateway.errors import StoreUnavailable
from gateway.store.redis_server import Command, RedisServer, unrefused


class Topology(ABC):
    """A Redis of however many servers. Raises StoreUnavailable for whatever keeps it from answering."""

    @abstractmethod
    async def ask(self, *commands: Command) -> list[Any]:
        """Return the answers to *commands*, in their order; those about one server are run in order."""

    @abstractmethod
    async def servers(self) -> tuple[RedisServer, ...]:
        """Return the servers that hold what is kept."""

    @abstractmethod
    def known(self) -> tuple[RedisServer, ...]:
        """Return what `servers` would, as far as it is known without asking."""

    @property
    @abstractmethod
    def first(self) -> Sequence[RedisServer]:
        """The servers that are asked first of all, which the configuration names."""

    @abstractmethod
    async def close(self) -> None:
        """Close every connection."""

    async def prove(self) -> None:
        """Raise StoreUntrusted where a server that answers cannot be trusted, or does not trust us."""
        for server in self.first:
            await server.prove()

    async def ping(self) -> None:
        """Raise StoreUnavailable unless every server answers."""
        for server in await self.servers():
            await server.ping()

    async def may_evict(self) -> bool:
        """Say whether a server may drop keys that have not expired; False where it does not tell."""
        with suppress(StoreUnavailable):
            return any([await server.may_evict() for server in await self.servers()])
        return False


class OneServer(Topology):
    """A Redis that is one server, whatever happens."""

    def __init__(self, server: RedisServer) -> None:
        self._server = server

    async def ask(self, *commands: Command) -> list[Any]:
        return unrefused(await self._server.answers(*commands))

    async def servers(self) -> tuple[RedisServer, ...]:
        return self.known()

    def known(self) -> tuple[RedisServer, ...]:
        return (self._server,)

    @property
    def first(self) -> Sequence[RedisServer]:
        return self.known()

    async def close(self) -> None:
        await self._server.close()

"""A master and its replicas, of which Sentinels say which one is the master now.

Only the master is asked, for reading too: a replica may not know yet that a session ended.
"""

from collections.abc import Callable, Sequence
from typing import Any

from redis.exceptions import ReadOnlyError

from gateway.errors import StoreUnavailable
from gateway.store.redis_lookout import Lookout, agreed, place_of, understood
from gateway.store.redis_server import Command, Place, RedisLogin, RedisServer, unrefused
from gateway.store.redis_topology import Topology
from gateway.uninterrupted import uninterrupted


class RedisBehindSentinels(Topology):
    """Asks whichever server the Sentinels at *places* call the master of *name*.

    They are asked *as_asker*, who is another one than the master knows.
    """

    def __init__(
        self,
        places: Sequence[Place],
        name: str,
        login: RedisLogin,
        *,
        as_asker: RedisLogin,
        monotonic: Callable[[], float],
    ) -> None:
        self._name = name
        self._login = login
        self._monotonic = monotonic
        self._sentinels = [RedisServer(place, as_asker, monotonic=monotonic) for place in places]
        self._master: RedisServer | None = None
        self._lookout = Lookout(self._look, monotonic=monotonic)

    async def ask(self, *commands: Command) -> list[Any]:
        [master] = await self.servers()
        try:
            answers = await master.answers(*commands)
        except StoreUnavailable:
            self._lookout.doubt()
            raise
        if any(isinstance(answer, ReadOnlyError) for answer in answers):  # demoted, and not by a Sentinel
            self._lookout.doubt()
        return unrefused(answers)

    async def servers(self) -> tuple[RedisServer, ...]:
        if self._master is None:
            await self._lookout.first()
        if not (known := self.known()):
            raise StoreUnavailable("no sentinel tells where the master is")
        return known

    def known(self) -> tuple[RedisServer, ...]:
        self._lookout.when_due()
        return () if self._master is None else (self._master,)

    @property
    def first(self) -> Sequence[RedisServer]:
        return self._sentinels

    async def close(self) -> None:
        await self._lookout.close()
        for server in (*self._sentinels, *(() if self._master is None else (self._master,))):
            await server.close()

    async def _look(self) -> None:
        place = await agreed([self._told_by(sentinel) for sentinel in self._sentinels])
        former = self._master
        if former is not None and former.place == place:
            return
        self._master = RedisServer(place, self._login, monotonic=self._monotonic, master_only=True)
        if former is not None:
            await uninterrupted(former.close())

    async def _told_by(self, sentinel: RedisServer) -> Place:
        [told] = unrefused(await sentinel.answers(("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self._name)))
        if not told:
            raise StoreUnavailable("a sentinel does not know the master by that name")
        with understood():
            host, port = told
            return place_of(host, port)

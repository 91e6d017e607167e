"""A cluster: each node holds the keys of some slots, and says where a key is that it does not hold.

There is one breaker for each node, so a node that is down takes nothing with it but its own slots.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from redis.crc import key_slot
from redis.exceptions import AskError, MovedError

from gateway.errors import StoreUnavailable
from gateway.store.redis_lookout import Lookout, agreed, place_of, understood
from gateway.store.redis_server import Command, Place, RedisLogin, RedisServer, key_of, unrefused
from gateway.store.redis_topology import Topology
from gateway.uninterrupted import uninterrupted

SLOTS = 16384
HOPS = 3  # times that a command is sent on at most

_Span = tuple[int, int, Place]


class RedisCluster(Topology):
    """Asks the node that holds a key; the nodes at *places* tell which there are."""

    def __init__(self, places: Sequence[Place], login: RedisLogin, *, monotonic: Callable[[], float]) -> None:
        self._places = places
        self._login = login
        self._monotonic = monotonic
        self._nodes: dict[Place, RedisServer] = {}
        self._holders: frozenset[Place] = frozenset()
        self._spans: tuple[_Span, ...] = ()
        self._lookout = Lookout(self._look, monotonic=monotonic)
        self._closed = False

    async def ask(self, *commands: Command) -> list[Any]:
        await self.servers()
        answers: list[Any] = [None] * len(commands)
        to_ask = {index: (self._holder(command), False) for index, command in enumerate(commands)}
        for _ in range(HOPS):
            await self._asked(commands, to_ask, answers)
            to_ask = {
                index: (Place(answer.host, answer.port), not isinstance(answer, MovedError))
                for index, answer in enumerate(answers)
                if isinstance(answer, AskError)  # of which MovedError is a kind
            }
            if not to_ask:
                break
            self._redirected(place for place, _ in to_ask.values())
        return unrefused(answers)

    async def servers(self) -> tuple[RedisServer, ...]:
        if not self._spans:
            await self._lookout.first()
        if not self._spans:
            raise StoreUnavailable("no node tells who holds what")
        return self.known()

    def known(self) -> tuple[RedisServer, ...]:
        self._lookout.when_due()
        return tuple(self._node(place) for place in sorted(self._holders))

    @property
    def first(self) -> Sequence[RedisServer]:
        return [self._node(place) for place in self._places]

    async def close(self) -> None:
        self._closed = True
        await self._lookout.close()
        await asyncio.gather(*(node.close() for node in self._nodes.values()))

    async def _asked(
        self, commands: Sequence[Command], to_ask: dict[int, tuple[Place, bool]], answers: list[Any]
    ) -> None:
        """Fill in *answers* from the place of each command, all places at once; a place with True must
        be told that the key may be on its way there."""
        parts: dict[Place, list[int]] = {}
        for index, (place, _) in to_ask.items():
            parts.setdefault(place, []).append(index)

        async def ask(place: Place, indices: list[int]) -> None:
            words: list[Command] = []
            for index in indices:
                words += [("ASKING",), commands[index]] if to_ask[index][1] else [commands[index]]
            told = await self._node(place).answers(*words)
            own = [answer for word, answer in zip(words, told, strict=True) if word != ("ASKING",)]
            for index, answer in zip(indices, own, strict=True):
                answers[index] = answer

        ended = await asyncio.gather(*(ask(*part) for part in parts.items()), return_exceptions=True)
        for failure in ended:
            if failure is not None:
                self._lookout.doubt()
                raise failure

    def _redirected(self, places: Iterable[Place]) -> None:
        """Know *places* as holders from before anything is read there, and doubt what was known."""
        self._holders |= frozenset(places)
        self._lookout.doubt()

    def _holder(self, command: Command) -> Place:
        slot = key_slot(key_of(command))
        for first, last, place in self._spans:
            if first <= slot <= last:
                return place
        self._lookout.doubt()
        raise StoreUnavailable("no node holds that slot")

    def _node(self, place: Place) -> RedisServer:
        node = self._nodes.get(place)
        if node is None:
            if self._closed:  # nobody would close it
                raise StoreUnavailable("the store is closed")
            node = self._nodes[place] = RedisServer(place, self._login, monotonic=self._monotonic)
        return node

    async def _look(self) -> None:
        places = sorted({*self._places, *self._holders})
        self._spans = await agreed([self._told_by(place) for place in places])
        self._holders = frozenset(place for _, _, place in self._spans)
        gone = set(self._nodes) - {*self._places, *self._holders}
        await uninterrupted(asyncio.gather(*(self._nodes.pop(place).close() for place in gone)))

    async def _told_by(self, place: Place) -> tuple[_Span, ...]:
        [told] = unrefused(await self._node(place).answers(("CLUSTER", "SLOTS")))
        with understood():
            spans = [_span(*slots, asked=place) for slots in told]
        if not spans:
            raise StoreUnavailable("a node knows nobody that holds anything")
        return tuple(sorted(spans))


def _span(first: int, last: int, holder: Sequence[Any], *_: object, asked: Place) -> _Span:
    """Return who holds which slots; a node that does not know its own address leaves it out."""
    host, port = holder[:2]
    if not 0 <= int(first) <= int(last) < SLOTS:
        raise ValueError("no such slots")
    return int(first), int(last), place_of(host or asked.host.encode(), port)

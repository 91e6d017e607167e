"""Where sessions are kept, as the settings say: the strategy, its store, and the news that it hears."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from gateway.assembly.sessions import cookie_names, redis_account, session_policy
from gateway.keys.keyring import SESSION, KeyRing
from gateway.lasting import Tenure
from gateway.model.event import Audit, Clock
from gateway.observe.log import Log
from gateway.observe.store_watch import StoreWatch, WatchedSessions, WatchedStore
from gateway.rates import redis_of
from gateway.sessions.cache import Channel, SessionCache
from gateway.sessions.endings import Denylist, Endings
from gateway.sessions.stateful import Removal, Stateful
from gateway.sessions.stateless import Stateless
from gateway.sessions.strategy import Reissued, Seen, SessionStore, Strategy, Tally
from gateway.settings.schema import Settings
from gateway.store.database import Database
from gateway.store.redis import RedisSessions
from gateway.store.redis_bus import RedisBus
from gateway.store.redis_topology import Topology

Check = Callable[[], Awaitable[bool]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trade:
    """What every strategy works with."""

    settings: Settings
    ring: KeyRing
    database: Database
    store: WatchedStore
    watch: StoreWatch
    tenure: Tenure
    seen: Seen
    reissued: Reissued
    clock: Clock
    monotonic: Callable[[], float]
    audit: Audit
    tally: Tally
    log: Log


class Keeping:
    """A strategy with what runs beside it. `checks` are what must answer for it to work."""

    def __init__(self, strategy: Strategy) -> None:
        self.strategy = strategy
        self.checks: Mapping[str, Check] = {}

    async def start(self) -> None:
        """Begin what runs beside the strategy; a store that is down is no reason not to start."""

    async def close(self) -> None:
        """Write what is not written yet, if the store answers, and stop."""
        await self.strategy.close()


class Bus(Protocol):
    """News from a store, told to a channel of the cache until cancelled."""

    def follow(self, listener: Channel, /) -> Coroutine[None, None, None]: ...


class KeepingInStore(Keeping):
    """Stateful sessions, and one follower for each store that the cache depends on."""

    def __init__(self, strategy: Stateful, *, cache: SessionCache, buses: Sequence[Bus], ping: Check) -> None:
        super().__init__(strategy)
        self.checks = {"session_store": ping, **({"push_channel": cache.is_proven} if buses else {})}
        self._stateful = strategy
        self._cache = cache
        self._buses = buses
        self._following: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        pairs = zip(self._buses, self._cache.channels, strict=True)
        self._following = [loop.create_task(bus.follow(channel)) for bus, channel in pairs]
        self._stateful.start()

    async def close(self) -> None:
        for task in self._following:
            task.cancel()
        if self._following:
            await asyncio.wait(self._following)
        await super().close()


class KeepingInRedis(KeepingInStore):
    """Stateful sessions on a Redis; does not start where that can never be trusted."""

    def __init__(
        self,
        strategy: Stateful,
        *,
        redis: Topology,
        log: Log,
        cache: SessionCache,
        buses: Sequence[Bus],
        ping: Check,
    ) -> None:
        super().__init__(strategy, cache=cache, buses=buses, ping=ping)
        self._redis = redis
        self._log = log

    async def start(self) -> None:
        await self._redis.prove()
        if await self._redis.may_evict():
            facts = {"policy": "not noeviction", "effect": "sessions may end before their time"}
            self._log.event("warning", "session_store.may_evict", facts)
        await super().start()


def chosen(trade: Trade) -> Keeping:
    """Return the strategy that the settings name, joined to its store."""
    session = trade.settings.session
    if session.strategy == "stateless":
        return Keeping(_stateless(trade))
    pushed = session.cache == "push"
    monotonic = trade.monotonic
    buses: list[Bus] = [trade.database.bus(monotonic=monotonic)] if pushed else []
    if session.store == "database":
        version = None if pushed else trade.database.version
        cache = SessionCache(len(buses), monotonic=monotonic, version=version)
        strategy = _stateful(trade, trade.database.sessions, cache, place="database")
        return KeepingInStore(strategy, cache=cache, buses=buses, ping=_answers(trade.database.ping))
    redis = redis_of(trade.settings, trade.tenure, monotonic=monotonic)
    scope = session_policy(trade.settings).audience
    store = RedisSessions(redis, standing=trade.database.standing_of, scope=scope)
    if pushed:  # users are in the database all the same
        buses.append(RedisBus(redis, prefix=store.prefix, monotonic=monotonic))
    cache = SessionCache(len(buses), monotonic=monotonic)
    return KeepingInRedis(
        _stateful(trade, store, cache, place=redis_account(trade.settings)),
        redis=redis,
        log=trade.log,
        cache=cache,
        buses=buses,
        ping=_answers(redis.ping),
    )


def _stateless(trade: Trade) -> Stateless:
    return Stateless(
        session_policy(trade.settings),
        sealer=trade.ring.sealer(SESSION),
        names=cookie_names(trade.settings),
        directory=trade.store,
        clock=trade.clock,
        audit=trade.audit,
        tally=trade.tally,
        seen=trade.seen,
        reissued=trade.reissued,
        endings=_endings(trade, trade.store, place="cookies"),
    )


def _endings(trade: Trade, denylist: Denylist, *, place: Hashable) -> Endings:
    """Return what this node ended: who signed out stays so, whatever the configuration becomes."""
    return trade.tenure.claim(
        ("endings", place),
        lambda: Endings(denylist, clock=trade.clock, audit=trade.audit),
        close=Endings.close,
    )


def _stateful(trade: Trade, kept: SessionStore, cache: SessionCache, *, place: Hashable) -> Stateful:
    store = WatchedSessions(kept, trade.watch)
    return Stateful(
        session_policy(trade.settings),
        mac=trade.ring.mac("session-id"),
        sealer=trade.ring.sealer("session-record"),
        names=cookie_names(trade.settings),
        store=store,
        book=trade.store,
        endings=_endings(trade, Removal(store, trade.store), place=place),
        cache=cache,
        clock=trade.clock,
        audit=trade.audit,
        tally=trade.tally,
        seen=trade.seen,
    )


def _answers(ping: Callable[[], Awaitable[None]]) -> Check:
    async def check() -> bool:
        await ping()
        return True

    return check

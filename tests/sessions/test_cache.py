import asyncio

import pytest

from gateway.model.session import Session
from gateway.sessions.cache import FRESH, QUIET, Held, SessionCache
from gateway.sessions.records import unread
from tests.fakes.clock import FakeClock

KEY = b"k" * 32


def session() -> Session:
    return unread("x" * 43)


def filled(clock: FakeClock, channels: int = 1, most: int = 10) -> SessionCache:
    cache = SessionCache(channels, monotonic=clock, most=most)
    cache.keep(KEY, Held(session(), seen_at=0), cache.ticket())
    for channel in cache.channels:
        channel.proved(clock())
    return cache


def test_B065_it_is_used_only_while_every_channel_has_just_proven_itself() -> None:
    clock = FakeClock(100.0)
    cache = filled(clock, channels=2)
    assert cache.find(KEY) is not None
    clock.advance(FRESH + 0.001)
    assert cache.find(KEY) is None
    cache.channels[0].proved(clock())
    assert cache.find(KEY) is None
    cache.channels[1].proved(clock())
    assert cache.find(KEY) is not None
    cache.channels[0].broke()
    assert cache.find(KEY) is None


def test_B064_news_of_one_drops_it_and_news_of_any_drops_all() -> None:
    clock = FakeClock(100.0)
    cache = filled(clock)
    cache.channels[0].drop(b"other")
    assert cache.find(KEY) is not None
    cache.channels[0].drop(KEY)
    assert cache.find(KEY) is None
    cache = filled(clock)
    cache.keep(b"named", Held(session(), seen_at=0, names=(b"ann",)), cache.ticket())
    cache.channels[0].drop_all()
    assert cache.find(KEY) is None
    assert not cache._named


def test_B064_news_of_what_several_share_drops_those_and_no_others() -> None:
    clock = FakeClock(100.0)
    cache = filled(clock)
    for key, names in ((b"1", (b"ann", b"sid")), (b"2", (b"ann",)), (b"3", (b"bob", b"sid"))):
        cache.keep(key, Held(session(), seen_at=0, names=names), cache.ticket())
    cache.channels[0].drop(b"ann")
    assert [key for key in (b"1", b"2", b"3", KEY) if cache.find(key)] == [b"3", KEY]
    cache.channels[0].drop(b"sid")
    assert [key for key in (b"3", KEY) if cache.find(key)] == [KEY]
    assert not cache._named, "no name outlives what it names"


def test_a_session_that_is_kept_anew_has_its_new_names_alone() -> None:
    clock = FakeClock(100.0)
    cache = filled(clock)
    for names in ((b"old",), (b"new",)):
        cache.keep(KEY, Held(session(), seen_at=0, names=names), cache.ticket())
    cache.channels[0].drop(b"old")
    assert cache.find(KEY) is not None
    cache.channels[0].drop(b"new")
    assert cache.find(KEY) is None


@pytest.mark.parametrize("everything", [False, True])
def test_B065_an_older_ticket_keeps_nothing(everything: bool) -> None:
    clock = FakeClock(100.0)
    cache = filled(clock)
    ticket = cache.ticket()
    channel = cache.channels[0]
    if everything:
        channel.drop_all()
    else:
        channel.drop(b"anything")
    cache.keep(b"new", Held(session(), seen_at=0), ticket)
    assert cache.find(b"new") is None


def test_B066_without_a_channel_nothing_is_ever_held() -> None:
    clock = FakeClock(100.0)
    assert filled(clock, channels=0).find(KEY) is None


def test_at_most_so_many_are_held() -> None:
    clock = FakeClock(100.0)
    cache = filled(clock, most=2)
    for name in (b"a", b"b"):
        cache.keep(name, Held(session(), seen_at=0), cache.ticket())
    assert [cache.find(name) is not None for name in (KEY, b"a", b"b")] == [False, True, True]


async def test_channels_rest_while_nobody_asks() -> None:
    clock = FakeClock(100.0)
    cache = filled(clock)
    cache.find(KEY)
    await cache.channels[0].wanted()
    clock.advance(QUIET + 0.1)
    waiting = asyncio.create_task(cache.channels[0].wanted())
    await asyncio.sleep(0)
    assert not waiting.done()
    cache.find(KEY)
    await waiting


async def test_B148_a_channel_that_does_not_prove_itself_in_time_is_told() -> None:
    clock = FakeClock(100.0)
    cache = filled(clock)
    assert await cache.is_proven(within=0.01)
    clock.advance(1)
    assert not await cache.is_proven(within=0.01)


class Versioned:
    """A store that tells its version, None where it cannot."""

    def __init__(self) -> None:
        self.number: int | None = 1

    def __call__(self) -> int | None:
        return self.number


def asked_each_time() -> tuple[SessionCache, Versioned]:
    version = Versioned()
    return SessionCache(0, monotonic=lambda: 0.0, version=version), version


def test_B066_what_was_read_is_used_while_the_store_says_that_nothing_changed() -> None:
    cache, version = asked_each_time()
    cache.keep(b"k", held := Held(unread("one"), seen_at=0), cache.ticket())
    assert cache.find(b"k") is held
    version.number = 2
    assert cache.find(b"k") is None
    version.number = 1
    assert cache.find(b"k") is None


def test_B066_a_change_between_the_reading_and_the_keeping_is_seen() -> None:
    cache, version = asked_each_time()
    ticket = cache.ticket()
    version.number = 2
    cache.keep(b"k", Held(unread("one"), seen_at=0), ticket)
    assert cache.find(b"k") is None


def test_B066_a_store_that_cannot_tell_is_asked() -> None:
    cache, version = asked_each_time()
    version.number = None
    cache.keep(b"k", Held(unread("one"), seen_at=0), cache.ticket())
    version.number = 1
    assert cache.find(b"k") is None
    cache.keep(b"k", held := Held(unread("one"), seen_at=0), cache.ticket())
    assert cache.find(b"k") is held
    version.number = None
    assert cache.find(b"k") is None
    version.number = 1
    assert cache.find(b"k") is None

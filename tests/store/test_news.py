import time
from pathlib import Path

from gateway.sessions.cache import Channel, SessionCache
from gateway.store.news import Bus, Listener
from gateway.store.place import place_at
from tests.fakes.databases import made_in


def test_a_channel_of_the_cache_hears_what_a_bus_tells(tmp_path: Path) -> None:
    channel: Listener = Channel(SessionCache(0, monotonic=time.monotonic))
    bus: Bus = place_at(made_in(tmp_path)).bus(monotonic=time.monotonic)
    assert hasattr(bus, "follow")
    for verb in ("proved", "broke", "drop", "drop_all", "wanted"):
        assert callable(getattr(channel, verb))

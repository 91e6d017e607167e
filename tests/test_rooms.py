"""The rooms of a gateway are made once, joined, and end in order."""

import io
import time
from pathlib import Path

from gateway.keys.keyring import KeyRing
from gateway.observe.log import configure
from gateway.observe.metrics import Metrics
from gateway.rooms import Rooms, Surroundings
from gateway.settings.schema import Settings
from tests.fakes.configuration import SECRET, SOUND, loaded
from tests.fakes.databases import opened

TWO_APPS = """
[[routes]]
path = "/a"
upstream = "http://127.0.0.1:3000"
[[routes]]
path = "/b"
upstream = "http://127.0.0.1:4000"
"""


async def rooms_of(directory: Path, settings: Settings) -> Rooms:
    log = configure(form="json", level="info", stream=io.BytesIO(), clock=time.time)
    async with opened(directory) as database:
        rooms = Rooms(
            settings,
            Surroundings(log=log),
            database=database,
            metrics=Metrics(version="0", dropped=lambda: 0),
        )
        rooms.listener()
        for close in reversed(rooms.closing):
            await close()
    log.close()
    return rooms


async def test_everything_that_was_opened_can_be_closed(tmp_path: Path) -> None:
    rooms = await rooms_of(tmp_path, loaded(tmp_path, SOUND + TWO_APPS).settings)
    # the audit trail, sessions, one pool for each of two upstreams, and the connections to issuers
    assert len(rooms.closing) == 5


async def test_the_table_and_the_published_keys_are_those_of_the_configuration(tmp_path: Path) -> None:
    settings = loaded(tmp_path, SOUND + TWO_APPS).settings
    rooms = await rooms_of(tmp_path, settings)
    assert [route.name for route in rooms.table.ordered] == ["/a", "/b", "/"]
    ring = KeyRing([SECRET.encode()], scope=settings.public_url)
    assert rooms.jwks() == ring.signing_keys().jwks()


async def test_B147_two_configurations_share_nothing(tmp_path: Path) -> None:
    first = await rooms_of(tmp_path, loaded(tmp_path, SOUND).settings)
    other = SOUND.replace("gateway.example.com", "other.example.com")
    second = await rooms_of(tmp_path, loaded(tmp_path, other).settings)
    assert first.jwks() != second.jwks()

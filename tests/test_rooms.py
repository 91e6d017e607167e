"""The rooms of a gateway are made once, joined, and end in order."""

from pathlib import Path

from gateway.keys.keyring import KeyRing
from gateway.lasting import Lasting
from gateway.rooms import Rooms
from gateway.settings.schema import Settings
from tests.fakes.configuration import SECRET, SOUND, loaded
from tests.fakes.databases import opened
from tests.fakes.furnished import closed, furnished

TWO_APPS = """
[[routes]]
path = "/a"
upstream = "http://127.0.0.1:3000"
[[routes]]
path = "/b"
upstream = "http://127.0.0.1:4000"
"""


async def rooms_of(directory: Path, settings: Settings, lasting: Lasting | None = None) -> Rooms:
    async with opened(directory) as database:
        rooms = furnished(settings, database, (lasting or Lasting()).tenure())
        rooms.snapshot()
        await closed(rooms)
    return rooms


async def test_everything_that_was_opened_can_be_closed(tmp_path: Path) -> None:
    lasting = Lasting()
    await rooms_of(tmp_path, loaded(tmp_path, SOUND + TWO_APPS).settings, lasting)
    assert not lasting._held


async def test_the_next_configuration_takes_over_what_did_not_change(tmp_path: Path) -> None:
    lasting = Lasting()
    before = loaded(tmp_path, SOUND + TWO_APPS).settings
    after = loaded(tmp_path, SOUND + TWO_APPS.replace("4000", "5000")).settings
    async with opened(tmp_path) as database:
        rooms = []
        held = []
        for settings in (before, after):
            rooms.append(furnished(settings, database, lasting.tenure()))
            rooms[-1].snapshot()
            held.append({key: each.thing for key, each in lasting._held.items()})
        await closed(rooms[0])
        left = {key: each.thing for key, each in lasting._held.items()}
        await closed(rooms[1])
    # known endings, the way to issuers, one issuer, an app on port 3000, and one on port 4000
    assert len(held[0]) == 5
    assert len(held[1]) == 6
    assert held[0].items() <= held[1].items()
    assert len(left) == 5
    assert left.items() < held[1].items()
    assert not lasting._held


async def test_other_identity_headers_mean_other_connections(tmp_path: Path) -> None:
    """What an upstream may answer depends on the names that are ours."""
    lasting = Lasting()
    async with opened(tmp_path) as database:
        for text in (SOUND, SOUND + '[identity.headers]\nRemote-User = "id"\n'):
            furnished(loaded(tmp_path, text).settings, database, lasting.tenure()).snapshot()
    assert len([key for key in lasting._held if key[0] == "pool"]) == 2


async def test_the_table_and_the_published_keys_are_those_of_the_configuration(tmp_path: Path) -> None:
    settings = loaded(tmp_path, SOUND + TWO_APPS).settings
    rooms = await rooms_of(tmp_path, settings)
    assert [route.name for route in rooms.table.ordered] == ["/a", "/b", "/"]
    ring = KeyRing([SECRET.encode()], scope=settings.public_url)
    assert rooms.jwks() == ring.signing_keys().jwks()


async def test_the_public_key_of_requests_is_published_where_they_are_signed(tmp_path: Path) -> None:
    settings = loaded(tmp_path, SOUND + '[identity]\nsignature = "ed25519"\n').settings
    rooms = await rooms_of(tmp_path, settings)
    ring = KeyRing([SECRET.encode()], scope=settings.public_url)
    assert rooms.jwks()["keys"][1]["kid"] == ring.ed25519_keys()[0].keyid  # type: ignore[index]


async def test_B147_two_configurations_share_nothing(tmp_path: Path) -> None:
    first = await rooms_of(tmp_path, loaded(tmp_path, SOUND).settings)
    other = SOUND.replace("gateway.example.com", "other.example.com")
    second = await rooms_of(tmp_path, loaded(tmp_path, other).settings)
    assert first.jwks() != second.jwks()

"""Provider tokens, joined: kept where a route forwards any, and nowhere else."""

import io
import time
from pathlib import Path

import pytest

from gateway.flows.grants import BookWithGrants
from gateway.flows.revocation import Word
from gateway.keys.keyring import KeyRing
from gateway.observe.log import configure
from gateway.observe.metrics import Metrics
from gateway.provider_tokens import TokenRooms, TokenTrade, _idle
from tests.fakes.configuration import SOUND, loaded
from tests.fakes.databases import opened


@pytest.mark.parametrize(("more", "kept"), [("", False), ('forward_token = "access_token"', True)])
async def test_tokens_are_kept_only_where_a_route_forwards_any(tmp_path: Path, more: str, kept: bool) -> None:
    settings = loaded(tmp_path, f"{SOUND}{more}\n").settings
    log = configure(form="json", level="info", stream=io.BytesIO(), clock=time.time)

    class Book:
        async def begin(self, *_: object) -> None: ...

    async def end(_: object) -> None: ...

    async with opened(tmp_path, time.time) as database:
        rooms = TokenRooms(
            TokenTrade(
                settings=settings,
                ring=KeyRing(settings.secret, scope=settings.public_url),
                database=database,
                issuers={},
                word=Word([].append),
                end=end,
                clock=time.time,
                monotonic=time.monotonic,
                metrics=Metrics(version="0"),
                log=log,
            )
        )
        book = Book()
        assert isinstance(rooms.book(book), BookWithGrants) is kept
        rooms.start()
        await rooms.close()
    log.close()


@pytest.mark.parametrize(
    ("keys", "seconds"),
    [("", None), ("idle_timeout = '2h'", 7200 + 2 * 600 + 3600), ("idle_timeout = 3600\nlease = 60", 7320)],
)
def test_B117_no_session_counts_as_idle_whose_last_sighting_may_be_under_way(
    tmp_path: Path, keys: str, seconds: int | None
) -> None:
    assert _idle(loaded(tmp_path, f"{SOUND}\n[session]\n{keys}\n").settings.session) == seconds

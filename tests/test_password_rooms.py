"""Passwords are joined where they are configured, and what must outlive a reload is shared."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

from gateway.flows.arrival import Arrivals
from gateway.flows.throttle import Limits
from gateway.lasting import Lasting, Tenure
from gateway.observe.metrics import Metrics
from gateway.observe.store_watch import StoreWatch
from gateway.password_rooms import PasswordRooms, PasswordTrade
from tests.fakes.configuration import SOUND, loaded
from tests.fakes.databases import opened

BY_PASSWORD = '[[providers]]\nid = "local"\nname = "Password"\ntype = "password"\n'


@asynccontextmanager
async def rooms(folder: Path, *texts: str) -> AsyncIterator[list[PasswordRooms]]:
    """Join passwords for each of *texts* in one gateway."""
    lasting, metrics = Lasting(), Metrics(version="0", dropped=lambda: 0)
    tenures: list[Tenure] = [lasting.tenure() for _ in texts]
    async with opened(folder) as database:
        yield [
            PasswordRooms(
                PasswordTrade(
                    settings=loaded(folder, text).settings,
                    database=database,
                    watch=StoreWatch(metrics, monotonic=time.monotonic),
                    tenure=tenure,
                    arrivals=cast("Arrivals", None),
                    audit=lambda event: None,
                    clock=time.time,
                    monotonic=time.monotonic,
                    counts=metrics,
                    workers=64,
                )
            )
            for text, tenure in zip(texts, tenures, strict=True)
        ]
        for tenure in tenures:
            await tenure.end()


async def test_nothing_is_there_where_nobody_has_a_password(tmp_path: Path) -> None:
    async with rooms(tmp_path, SOUND) as [none]:
        assert none.logins() is None
        assert none.change() is None


async def test_logins_and_changes_share_threads_and_failures_also_over_a_reload(tmp_path: Path) -> None:
    text = SOUND + BY_PASSWORD
    async with rooms(tmp_path, text, text) as both:
        found: list[Any] = [made for each in both for made in (each.logins(), each.change())]
        assert len({id(each._passwords) for each in found}) == 1
        assert len({id(each._throttle) for each in found}) == 1
        assert found[0].provider.issuer == "https://gateway.example.com"
        assert found[0]._passwords._most > 0
        assert found[0]._throttle._limits == Limits().shared(64)

"""The settings choose where sessions are kept; whatever that is can be started and closed."""

import io
import time
from pathlib import Path

import pytest

from gateway.keys.keyring import KeyRing
from gateway.lasting import Lasting
from gateway.observe.log import configure
from gateway.observe.metrics import Metrics
from gateway.observe.store_watch import StoreWatch, WatchedStore
from gateway.sessions.stateful import Stateful
from gateway.sessions.stateless import Stateless
from gateway.sessions.strategy import unheard
from gateway.strategies import Trade, chosen
from tests.fakes.configuration import SOUND, loaded
from tests.fakes.databases import opened
from tests.fakes.ports import free_port


@pytest.mark.parametrize(
    ("session", "strategy", "checks"),
    [
        ("", Stateless, []),
        ('strategy = "stateful"', Stateful, ["session_store", "push_channel"]),
        ('strategy = "stateful"\ncache = "off"', Stateful, ["session_store"]),
        ('strategy = "stateful"\nstore = "redis"', Stateful, ["session_store", "push_channel"]),
        ('strategy = "stateful"\nstore = "redis"\ncache = "off"', Stateful, ["session_store"]),
    ],
)
async def test_B041_B148_the_settings_choose_and_what_must_answer_is_named(
    tmp_path: Path, session: str, strategy: type, checks: list[str]
) -> None:
    redis = f'[redis]\nurl = "redis://127.0.0.1:{free_port()}/0"\n'
    database = f'[database]\nurl = "sqlite:///{tmp_path}/gateway.db"\n'
    settings = loaded(tmp_path, f"{SOUND}[session]\n{session}\n{redis}{database}").settings
    log = configure(form="json", level="info", stream=io.BytesIO(), clock=time.time)
    metrics = Metrics(version="0", dropped=lambda: 0)
    watch, tenure = StoreWatch(metrics, monotonic=time.monotonic), Lasting().tenure()
    async with opened(tmp_path) as store:
        keeping = chosen(
            Trade(
                reissued=unheard,
                settings=settings,
                ring=KeyRing(settings.secret, scope=settings.public_url),
                database=store,
                store=WatchedStore(store, watch),
                watch=watch,
                tenure=tenure,
                seen=lambda session_id, moment: None,
                clock=time.time,
                monotonic=time.monotonic,
                audit=lambda event: None,
                tally=metrics,
                log=log,
            )
        )
        assert isinstance(keeping.strategy, strategy)
        assert list(keeping.checks) == checks
        await keeping.start()
        if 'store = "redis"' not in session:
            assert [await check() for check in keeping.checks.values()] == [True] * len(checks)
        await keeping.close()
        await tenure.end()
    log.close()

"""News of changes from a PostgreSQL, by `LISTEN`: whoever makes them, its own triggers tell.

One connection both gets the news and asks for them, so that they end together. A transaction tells by
`NOTIFY`, which the server queues as it commits and signals before it answers whoever committed; and a
session that is asked something hands over what is queued for it before it is done with the answer. So
once a question is answered, all that was committed, and acknowledged, before it was sent has been told.
"""

import asyncio
from collections.abc import Callable

from gateway.errors import StoreUnavailable
from gateway.store.news import Listener
from gateway.store.postgres_server import DEADLINE, Connect, postgres_outages_told, quick
from gateway.store.session_keys import EVERYBODY, user_name

EVERY = 0.015  # seconds between two questions while the listener has use for answers
PAUSE = 0.25  # seconds before a new connection is tried
CHANNEL = "vestibule"


class PostgresBus:
    """Follows a database on connections that *connect* makes; *monotonic* is in seconds."""

    def __init__(self, connect: Connect, *, monotonic: Callable[[], float]) -> None:
        self._connect = connect
        self._monotonic = monotonic

    async def follow(self, listener: Listener) -> None:
        """Tell *listener* of every change, until cancelled; where that fails, say so and begin again."""
        while True:
            try:
                with postgres_outages_told():
                    await self._follow(listener)
            except StoreUnavailable:
                listener.broke()
                await asyncio.sleep(PAUSE)

    async def _follow(self, listener: Listener) -> None:
        connection = await self._connect(quick())
        try:
            async with asyncio.timeout(DEADLINE):
                await connection.add_listener(CHANNEL, lambda *heard: pass_on(heard[-1], listener))
            listener.drop_all()  # what is held by now is of unknown age
            while True:
                await listener.wanted()
                asked_at = self._monotonic()
                async with asyncio.timeout(DEADLINE):
                    await connection.fetchval("SELECT 1")
                listener.proved(asked_at)
                await asyncio.sleep(EVERY)
        finally:
            connection.terminate()


def pass_on(news: str, listener: Listener) -> None:
    """Tell *listener* what *news* names: `user:` and an id, `name:` and hexadecimal; anything else is all."""
    kind, _, name = news.partition(":")
    if kind == "user":
        listener.drop(user_name(name))
        return
    try:
        named = bytes.fromhex(name) if kind == "name" else EVERYBODY
    except ValueError:
        named = EVERYBODY
    if named == EVERYBODY:
        listener.drop_all()
    else:
        listener.drop(named)

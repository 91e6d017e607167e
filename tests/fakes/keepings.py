"""The ways in which sessions are kept: what a contract test is run over, each with real parts."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.fakes.databases import by_hand, raw
from tests.fakes.postgres_process import PostgresDatabase, PostgresProcess, shared
from tests.fakes.redis_process import RedisProcess, redis_process
from tests.fakes.redis_topologies import RedisTopology, shared_cluster, shared_sentinel
from tests.fakes.scene import Scene, scene

STATELESS = "stateless"
TOPOLOGIES = ("sentinel push", "sentinel off", "cluster push", "cluster off")

STATEFUL = (
    "sqlite push",
    "sqlite off",
    "postgres push",
    "postgres off",
    "redis push",
    "redis off",
    *TOPOLOGIES,
)
ALL = (STATELESS, "stateless postgres", *STATEFUL)


@dataclass(slots=True, kw_only=True)
class Keeping:
    """One way to keep sessions, in the folder of one test.

    `redis` and `postgres` are there where they are used; without the latter, users are in SQLite.
    `redis_keys` are further lines of `[redis]`.
    """

    name: str
    folder: Path
    redis: RedisProcess | RedisTopology | None = None
    postgres: PostgresDatabase | None = None
    redis_keys: Sequence[str] = ()

    @property
    def stateful(self) -> bool:
        return not self.name.startswith(STATELESS)

    @property
    def pushed(self) -> bool:
        return self.name.endswith("push")

    @property
    def store(self) -> str:
        """The value of `session.store`."""
        return "redis" if self.redis is not None else "database"

    def tables(self, *keys: str, more: str = "") -> str:
        """Return the TOML that asks for it, with *keys* of `[session]` and *more* tables."""
        lines = ["[session]", *keys]
        if self.stateful:
            cache = self.name.split()[1]
            lines += ['strategy = "stateful"', f'store = "{self.store}"', f'cache = "{cache}"']
        if self.redis is not None:
            lines += ["[redis]", f'url = "{self.redis.url}"', *self.redis_keys]
        return "\n".join([*lines, more])

    @asynccontextmanager
    async def scene(self, *keys: str, more: str = "", **others: Any) -> AsyncIterator[Scene]:
        database = {"database": self.postgres.url} if self.postgres is not None else {}
        async with scene(self.folder, tables=self.tables(*keys, more=more), **database, **others) as at:
            yield at

    async def kept(self) -> int:
        """Return how many sessions the store holds."""
        if self.redis is not None:
            return len(await self.redis.named("session"))
        return len(self.rows())

    def rows(self) -> list[dict[str, Any]]:
        """Return the rows of the database's sessions, by name of column."""
        if self.postgres is not None:
            return self.postgres.sql("SELECT * FROM sessions")
        connection = raw(self.folder)
        try:
            found = connection.execute("SELECT * FROM sessions")
            names = [column[0] for column in found.description]
            return [dict(zip(names, row, strict=True)) for row in found]
        finally:
            connection.close()

    async def sql(self, statement: str) -> None:
        """Change the database by hand, beside the loop: a gateway on it may hold the lock."""
        if self.postgres is not None:
            await asyncio.to_thread(self.postgres.sql, statement)
        else:
            await by_hand(self.folder, statement)

    async def delete_all(self) -> None:
        """Remove every session by hand, as an operator at a console would."""
        if self.redis is not None:
            for name in await self.redis.named("session"):
                await self.redis.ask("DEL", name)
        else:
            await self.sql("DELETE FROM sessions")


@asynccontextmanager
async def keeping(
    name: str, folder: Path, *, postgres: PostgresProcess | None = None
) -> AsyncIterator[Keeping]:
    """Prepare one way to keep sessions; a server that it needs ends with the block or with the run.

    *postgres* is the server to use, the one of this run where none is named.
    """
    store = name.split(maxsplit=1)[0]
    if "postgres" in name:
        yield Keeping(name=name, folder=folder, postgres=(postgres or shared()).fresh())
    elif store == "redis":
        async with redis_process() as redis:
            yield Keeping(name=name, folder=folder, redis=redis)
    elif topology := {"sentinel": shared_sentinel, "cluster": shared_cluster}.get(store):
        await topology().empty()
        yield Keeping(name=name, folder=folder, redis=topology())
    else:
        yield Keeping(name=name, folder=folder)

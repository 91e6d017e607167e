"""Writes that are known beforehand: all statements of one transaction go to the database in one trip.

Law: they are module constants with their values beside them, so that nothing is built or compiled
while somebody waits.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol, TypeAlias

from sqlalchemy import Executable
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from gateway.uninterrupted import uninterrupted

Values: TypeAlias = Mapping[str, object]
Step: TypeAlias = tuple[Executable, Values | Sequence[Values]]
"""A statement with what it is run with: once, or once for each of several."""


class Errands(Protocol):
    """Carries steps out; the driver's errors are the caller's to translate."""

    async def run(self, steps: Sequence[Step]) -> None:
        """Carry out *steps* as one write transaction, whole or not at all.

        It is awaited to its end also where the caller is cancelled.
        """

    async def close(self) -> None: ...


class EngineErrands:
    """Errands on a connection of *engine*."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine.execution_options(writes=True)

    async def run(self, steps: Sequence[Step]) -> None:
        await uninterrupted(self._run(steps))

    async def close(self) -> None:
        """Close nothing: the engine is its owner's."""

    async def _run(self, steps: Sequence[Step]) -> None:
        connection: AsyncConnection
        async with self._engine.begin() as connection:
            for statement, values in steps:
                await connection.execute(statement, values)

"""What a gateway asks of its database, counted; and an outage of it, on demand."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from gateway.errors import StoreUnavailable
from gateway.store.standing import Lookup
from gateway.store.watch import Remembered, WatchedStandings
from gateway.store.writer import Transaction, Writer


@dataclass(slots=True)
class StoreCalls:
    """Calls so far, of all nodes of the test; while `down`, every one raises StoreUnavailable.

    While `gate` is closed, a lookup waits with its answer: `asked` is set once one has it.
    """

    lookups: int = 0
    transactions: int = 0
    committed: int = 0
    down: bool = False
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    asked: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def total(self) -> int:
        return self.lookups + self.transactions


def watched(monkeypatch: pytest.MonkeyPatch) -> StoreCalls:
    """Count the calls of every database that is used from now on."""
    calls = StoreCalls()
    calls.gate.set()
    ask, write, read = Lookup._ask, Writer.write, Writer.read

    async def counted(self: Lookup, values: dict[str, object], *query: str) -> list[Any]:
        calls.lookups += 1
        if calls.down:
            raise StoreUnavailable("down")
        rows = await ask(self, values, *query)
        calls.asked.set()
        await calls.gate.wait()
        return rows

    def transaction(real: Any) -> Any:
        @asynccontextmanager
        async def begun(self: Writer) -> AsyncIterator[Transaction]:
            calls.transactions += 1
            opened: AbstractAsyncContextManager[Transaction] = _down() if calls.down else real(self)
            async with opened as transaction:
                yield transaction
            calls.committed += 1

        return begun

    # What is remembered spares questions: here all are asked, so that they can be counted, or fail.
    monkeypatch.setattr(Remembered, "known", lambda _self, _session: None)
    monkeypatch.setattr(WatchedStandings, "version", lambda _self: None)
    monkeypatch.setattr(Lookup, "_ask", counted)
    monkeypatch.setattr(Writer, "write", transaction(write))
    monkeypatch.setattr(Writer, "read", transaction(read))
    return calls


@asynccontextmanager
async def _down() -> AsyncIterator[Transaction]:
    raise StoreUnavailable("down")
    yield

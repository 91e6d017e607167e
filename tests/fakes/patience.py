"""Stores that are given the time that a busy machine takes: what slow ones do is held in the attack rows."""

import pytest

from gateway.sessions.stateful import Stateful


def widen(monkeypatch: pytest.MonkeyPatch, *, seconds: float = 5.0) -> None:
    """Let every store answer within *seconds* until the test is over."""
    for module in ("redis_server", "redis_bus", "reader", "postgres_server", "postgres_bus"):
        monkeypatch.setattr(f"gateway.store.{module}.DEADLINE", seconds)
    for module in ("postgres", "engine", "sqlite_errands"):
        monkeypatch.setattr(f"gateway.store.{module}.BUSY", seconds)
    monkeypatch.setitem(Stateful.__init__.__kwdefaults__, "patience", seconds)

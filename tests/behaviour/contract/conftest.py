"""The contract runs over every way to keep sessions; adding a store means passing it."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from gateway.sessions.stateful import Stateful
from tests.fakes.keepings import Keeping, keeping


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give stores the time that a busy machine takes: what slow ones do is held in the attack rows."""
    for module in ("redis_server", "redis_bus", "reader", "postgres_server", "postgres_bus"):
        monkeypatch.setattr(f"gateway.store.{module}.DEADLINE", 5.0)
    monkeypatch.setattr("gateway.store.postgres.BUSY", 5.0)
    monkeypatch.setitem(Stateful.__init__.__kwdefaults__, "patience", 5.0)


@pytest.fixture
async def kept(
    request: pytest.FixtureRequest, tmp_path: Path, needs: Callable[[str], str]
) -> AsyncIterator[Keeping]:
    """One way to keep sessions, as the test's parametrisation names it."""
    if request.param.startswith(("redis", "sentinel", "cluster")):
        needs("redis-server")
    if "postgres" in request.param:
        needs("postgres")
    async with keeping(request.param, tmp_path) as way:
        yield way

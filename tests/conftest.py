"""What every test may rely on: real parts are there, or the test says that they are missing."""

import asyncio
import gc
import os
import shutil
from collections.abc import Callable, Generator, Mapping

import pytest
from hypothesis import settings

from gateway.sessions.stateful import Stateful
from tests.fakes.canary_search import pytest_configure, pytest_sessionfinish, pytest_terminal_summary
from tests.fakes.postgres_programs import program as postgres_program

__all__ = ["pytest_configure", "pytest_sessionfinish", "pytest_terminal_summary"]

# What an example may take depends on what else the machine does: no test asserts on time.
settings.register_profile("suite", deadline=None)
settings.load_profile("suite")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Let no search for garbage go through fifteen thousand tests, neither while they are found nor later."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


@pytest.fixture
def needs() -> Callable[[str], str]:
    """Return the path of an installed program; skip without it, fail without it under CI."""

    def find(program: str) -> str:
        path = shutil.which(program) or postgres_program(program)
        if path is None and os.environ.get("CI") == "true":
            pytest.fail(f"{program} is not installed, and under CI nothing is skipped")
        if path is None:
            pytest.skip(f"{program} is not installed")
        return path

    return find


@pytest.fixture(autouse=True)
def unhurried(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give stores the time that a busy machine takes, instead of what a request may wait for them.

    A test of what that wait is bounded by is marked `hurried`: there it is a second, or what the mark says.
    That it is a quarter of one for requests is held by the test of all bounds.
    """
    hurried = request.node.get_closest_marker("hurried")
    seconds = 5.0 if hurried is None else next(iter(hurried.args), 1.0)
    for module in ("redis_server", "redis_bus", "reader", "postgres_server", "postgres_bus", "bus"):
        monkeypatch.setattr(f"gateway.store.{module}.DEADLINE", seconds)
    for module in ("engine", "sqlite_errands", "postgres"):
        monkeypatch.setattr(f"gateway.store.{module}.BUSY", seconds)
    monkeypatch.setattr("gateway.store.postgres.STATEMENT", seconds)
    monkeypatch.setitem(Stateful.__init__.__kwdefaults__, "patience", seconds)


if os.environ.get("TEST_LOOP") == "uvloop":

    def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
        """Run every test on uvloop, as a gateway runs; else they run on asyncio's own loop (rule C14)."""
        import uvloop

        return {"uvloop": uvloop.new_event_loop}

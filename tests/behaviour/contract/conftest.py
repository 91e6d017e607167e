"""The contract runs over every way to keep sessions; adding a store means passing it."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from tests.fakes.keepings import Keeping, keeping


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

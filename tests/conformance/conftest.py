"""What the modules share: a whole gateway and an issuer that does to it what the published suite does."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fakes.scene import Scene, scene


@pytest.fixture
async def at(tmp_path: Path) -> AsyncIterator[Scene]:
    """A gateway, registered at an issuer, in front of an app."""
    async with scene(tmp_path) as at:
        yield at

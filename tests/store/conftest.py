"""What holds of one kind of database holds of the other."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fakes.databases import KINDS, use


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest, tmp_path: Path, needs: Callable[[str], str]) -> str:
    """Let the database in the test's folder be of each kind in turn."""
    chosen: str = request.param
    if chosen == "postgres":
        needs("postgres")
    use(tmp_path, chosen)
    return chosen

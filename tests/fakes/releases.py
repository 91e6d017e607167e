"""Earlier releases' schemas, for what an upgrade has to bring along."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

from gateway.store import schema
from gateway.store.tables import REVISIONS


@contextmanager
def schema_of(revision: str, folder: Path) -> Iterator[None]:
    """Let `schema` be of the release whose last revision is *revision*; *folder* is for its migrations."""
    migrations = folder / f"migrations-{revision}"
    shutil.copytree(schema._MIGRATIONS, migrations, ignore=shutil.ignore_patterns("__pycache__"))
    for later in REVISIONS[REVISIONS.index(revision) + 1 :]:
        (migrations / "versions" / f"r{later}.py").unlink()
    with patch.object(schema, "_MIGRATIONS", migrations), patch.object(schema, "HEAD", revision):
        yield

"""Where PostgreSQL's programs are."""

import shutil
from pathlib import Path


def program(name: str) -> str | None:
    """Return the path of one of the server's programs, which Debian keeps out of the way."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: path.parts[-3])
    return str(found[-1]) if found else shutil.which(name)

"""What the demo must lay down before the configuration can be read at all."""

import os
import secrets
from pathlib import Path

SECRET_BYTES = 32


def make_secret(path: Path) -> bool:
    """Make a random key at *path*, readable by its owner alone, unless one is there; say whether made."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return False
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(secrets.token_hex(SECRET_BYTES) + "\n")
    return True

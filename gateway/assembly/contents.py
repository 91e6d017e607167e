"""What files hold, told apart without being kept."""

from hashlib import sha256
from pathlib import Path


def digest(*files: str | None) -> str:
    """Return the SHA-256 of what *files* hold, empty where none is named. Raises OSError."""
    held = [sha256(Path(file).read_bytes()).digest() for file in files if file]
    return sha256(b"".join(held)).hexdigest() if held else ""

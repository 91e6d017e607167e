"""Times as pages tell them; which zone somebody lives in, nobody here knows."""

from datetime import UTC, datetime


def moment_told(moment: int) -> str:
    """Return a Unix second as people read it."""
    return datetime.fromtimestamp(moment, UTC).strftime("%-d %b %Y, %H:%M UTC")

"""Times as pages tell them; which zone somebody lives in, nobody here knows."""

from datetime import UTC, datetime


def moment_told(moment: int) -> str:
    """Return a Unix second as people read it."""
    return datetime.fromtimestamp(moment, UTC).strftime("%-d %b %Y, %H:%M UTC")


def second_told(moment: int) -> str:
    """Return a Unix second to the second, as it is compared with logs."""
    return datetime.fromtimestamp(moment, UTC).strftime("%-d %b %Y, %H:%M:%S UTC")

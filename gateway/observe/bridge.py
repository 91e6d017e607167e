"""What libraries log, through our own narrow door.

A library's message may hold header bytes, statement parameters, a verifier. So of a record leaves: its
logger, its level, the first line of its *template* without arguments, and of an exception the class
and the place. Nothing below a warning passes.
"""

import logging
from collections.abc import Callable, Mapping

from gateway.observe.redact import fault, scrubbed

LIBRARIES = ("aiohttp", "asyncio", "sqlalchemy", "aiosqlite", "alembic", "authlib", "joserfc", "jwcrypto")
_NAMED = {level: "warning" for level in range(logging.WARNING, logging.ERROR)}

Write = Callable[[str, str, Mapping[str, object]], None]


class Bridge(logging.Handler):
    """Carries the libraries' records to *write(level, event, facts)* while it is attached."""

    def __init__(self, write: Write) -> None:
        super().__init__(logging.WARNING)
        self._deliver = write

    def attach(self) -> None:
        """Listen to every known library, instead of whoever listens at the root."""
        for name in LIBRARIES:
            logger = logging.getLogger(name)
            logger.addHandler(self)
            logger.propagate = False

    def detach(self) -> None:
        """Stop listening; the last one to leave lets records go to the root again."""
        for name in LIBRARIES:
            logger = logging.getLogger(name)
            logger.removeHandler(self)
            logger.propagate = not any(isinstance(handler, Bridge) for handler in logger.handlers)

    def emit(self, record: logging.LogRecord) -> None:
        """Tell of *record* without its arguments."""
        facts: dict[str, object] = {"logger": record.name, "message": template(record)}
        if record.exc_info and (exc := record.exc_info[1]) is not None:
            facts["fault"] = fault(exc)
        self._deliver(_NAMED.get(record.levelno, "error"), "library", facts)


def template(record: logging.LogRecord) -> str:
    """Return the first line of what the library's author wrote, before any value went into it."""
    lines = record.msg.splitlines() if isinstance(record.msg, str) else ()
    return scrubbed(lines[0]) if lines else type(record.msg).__qualname__

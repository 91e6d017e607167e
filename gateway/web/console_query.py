"""What the pages of the console are asked for: words to look for, and where a page begins.

Law: refuse, never repair; a cursor is what one of our own links said, and nothing else.
"""

import re
from collections.abc import Mapping
from urllib.parse import urlencode

from gateway.errors import RequestRejected
from gateway.model.cursor import Cursor
from gateway.web.query import Fields

LONGEST = 200
"""Characters of what is looked for."""

_CURSOR = re.compile(r"(0|[1-9][0-9]{0,11})-([a-z0-9_]{1,64})")
_USER_ID = re.compile(r"[a-z0-9_]{1,64}")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_NUMBER = re.compile(r"[1-9][0-9]{0,17}")


def words_in(fields: Fields, name: str) -> str:
    """Return what is looked for under *name*, empty for nothing. Raises RequestRejected."""
    text = (fields.one(name) or "").strip()
    if len(text) > LONGEST or _CONTROLS.search(text):
        raise RequestRejected(f"{name} is too long or holds controls")
    return text


def cursor_in(fields: Fields) -> Cursor | None:
    """Return the entry `after` which the page begins, None for the first. Raises RequestRejected."""
    text = fields.one("after")
    if text is None:
        return None
    found = _CURSOR.fullmatch(text)
    if found is None:
        raise RequestRejected("after is no entry of a list")
    return Cursor(moment=int(found[1]), id=found[2])


def number_in(fields: Fields, name: str) -> int | None:
    """Return the number of an entry, None where there is none. Raises RequestRejected."""
    text = fields.one(name)
    if text is None:
        return None
    if not _NUMBER.fullmatch(text):
        raise RequestRejected(f"{name} is no number of an entry")
    return int(text)


def is_user_id(text: str) -> bool:
    """Say whether *text* has the form of a user's id, so that it is one segment of a path as it is."""
    return _USER_ID.fullmatch(text) is not None


def written(cursor: Cursor) -> str:
    """Return *cursor* as `cursor_in` reads it."""
    return f"{cursor.moment}-{cursor.id}"


def address(path: str, asked: Mapping[str, str]) -> str:
    """Return *path* with what is *asked* of it; what is empty is left out."""
    query = urlencode([pair for pair in asked.items() if pair[1]])
    return f"{path}?{query}" if query else path

"""Pages of long lists: found by where the one before ended, so that the last costs what the first does."""

from typing import Any

from sqlalchemy import ColumnElement, and_, or_

from gateway.model.cursor import Cursor


def following(after: Cursor, moment: ColumnElement[Any], name: ColumnElement[Any]) -> ColumnElement[bool]:
    """Return what is true of the rows after *after*: the newest *moment* comes first, then *name* counts."""
    return or_(moment < after.moment, and_(moment == after.moment, name > after.id))

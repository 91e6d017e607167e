"""The border where the database's errors end: beyond it there are only ours."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from gateway.errors import SchemaMismatch, StoreUnavailable

_DAMAGE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


@contextmanager
def outages_told(doing: str) -> Iterator[None]:
    """Raise StoreUnavailable for whatever keeps the database from *doing* what was asked.

    The text names the kind of failure, never a statement or a value.
    """
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error, TimeoutError, OSError) as error:
        raise StoreUnavailable(f"{doing}: {_kind(error)}") from error


@contextmanager
def damage_told(path: object) -> Iterator[None]:
    """Raise SchemaMismatch where the file at *path* is damaged or no SQLite database at all."""
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error) as error:
        if (_code(error) & 0xFF) not in _DAMAGE:
            raise
        raise SchemaMismatch(
            f"the database {path} is damaged or no SQLite file: restore it from a backup"
        ) from error


def _driver_error(error: BaseException) -> BaseException:
    if isinstance(error, DBAPIError) and error.orig is not None:
        return error.orig
    return error


def _code(error: BaseException) -> int:
    return int(getattr(_driver_error(error), "sqlite_errorcode", 0))


def _kind(error: BaseException) -> str:
    cause = _driver_error(error)
    for name in ("sqlite_errorname", "sqlstate"):
        if word := getattr(cause, name, None):
            return str(word)
    return type(cause).__name__

"""How users are shown: columns for people, JSON for programs."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from gateway.cli import layout

if TYPE_CHECKING:
    from gateway.model.identity import User

_COLUMNS = ("ID", "E-MAIL", "NAME", "ROLES", "STATE")


def show_user(user: "User", *, as_json: bool) -> None:
    """Print one user: an object in JSON, not a list."""
    click.echo(layout.as_json(_described(user)) if as_json else layout.as_table(_COLUMNS, [_row(user)]))


def show_users(users: "Sequence[User]", *, as_json: bool) -> None:
    """Print *users*, a line or an object for each."""
    described = [_described(user) for user in users]
    click.echo(layout.as_json(described) if as_json else layout.as_table(_COLUMNS, map(_row, users)))


def _described(user: "User") -> dict[str, Any]:
    return {
        "id": user.id,
        "email": user.email,
        "email_verified": user.email_verified,
        "name": user.name,
        "enabled": user.enabled,
        "roles": list(user.roles),
        "created_at": user.created_at,
    }


def _row(user: "User") -> tuple[str, ...]:
    state = "enabled" if user.enabled else "disabled"
    return user.id, user.email or "", user.name or "", ",".join(user.roles), state

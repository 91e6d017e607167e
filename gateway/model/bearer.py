"""Bearers: callers who prove who they are with a token in each request, not with a session."""

from dataclasses import dataclass
from enum import StrEnum

SESSION_PREFIX = "bearer:"
"""How the id of every session begins that stands for a bearer; no cookie's ever does."""


class Callers(StrEnum):
    """Who may call with the tokens of an issuer: whoever it names, only those who are users here, or
    nobody as a user: each subject is then itself alone."""

    ANY = "any"
    USERS = "users"
    CLIENTS = "clients"


HELD = 60
"""Seconds for which a token that held is taken again without another look, where nothing else is said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Introspection:
    """That an issuer is asked about tokens (RFC 7662), as its client `client_id`.

    It is asked at `endpoint`, which its metadata names where this is empty, `calls_per_second` times at
    most. With `every_token` JWTs are asked about too; with `signed` only signed answers count (RFC 9701),
    and with `encrypted` besides only those of them that were encrypted to a key of ours.
    """

    client_id: str
    endpoint: str = ""
    every_token: bool = False
    signed: bool = False
    encrypted: bool = False
    calls_per_second: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Trusted:
    """An issuer whose access tokens a route takes, and what they must say.

    A token is for one of `audiences`, signed with one of `algorithms`, and has all of `scopes`. `typ` is
    what its header says where it says one. `claims` pairs fields of an identity with claims or dotted paths.
    What was found out counts for `hold` seconds. Without `audiences` every token is asked about.
    """

    issuer: str
    audiences: tuple[str, ...]
    algorithms: tuple[str, ...]
    scopes: tuple[str, ...] = ()
    typ: str = "at+jwt"
    callers: Callers = Callers.ANY
    claims: tuple[tuple[str, str], ...] = ()
    hold: int = HELD
    introspection: Introspection | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bearer:
    """The tokens that a route takes; `forward` lets the client's `Authorization` go on to the upstream.

    `personal` is the name by which personal tokens name the route, empty where it takes none.
    """

    issuers: tuple[Trusted, ...]
    forward: bool = False
    personal: str = ""

    @property
    def scopes(self) -> tuple[str, ...]:
        """Every scope that some issuer's tokens must have, sorted."""
        return tuple(sorted({scope for each in self.issuers for scope in each.scopes}))


def outsider(issuer: str, subject: str) -> str:
    """Return the id of somebody whom an issuer names and who is no user here: never that of a user.

    An issuer has no `#`, so the first one ends it.
    """
    return f"{SESSION_PREFIX}{issuer}#{subject}"

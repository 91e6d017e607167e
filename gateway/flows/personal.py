"""Personal access tokens: who calls with one, and how one is made.

Laws: only a keyed hash is kept, so a copy of the database opens nothing; the database is asked at each
request, so that a token that was revoked, and a user who was disabled, is refused at the next one; a token
speaks for its user on the routes that it names and nowhere else, and proves no login.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Protocol

from gateway.errors import BearerRefused, ScopeMissing
from gateway.model.bearer import SESSION_PREFIX
from gateway.model.event import Clock
from gateway.model.identity import Identity
from gateway.model.personal import PROVIDER, PersonalToken, looks_right, minted
from gateway.model.session import Session, Standing

NOTED_EVERY = 60
"""Seconds between two notes of when a token was used."""


class Mac(Protocol):
    def tags(self, *parts: bytes) -> tuple[bytes, ...]:
        """Return the tags over *parts* under each key, the first one's first."""
        ...


class Finder(Protocol):
    async def personal_token(self, key: bytes) -> tuple[PersonalToken, Standing] | None:
        """Return what is kept under *key*, and its user's standing. Raises StoreUnavailable."""
        ...


class Book(Protocol):
    async def add(self, token: PersonalToken, *, key: bytes) -> bool: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Minted:
    """A new token, and what its owner is shown this once."""

    token: PersonalToken
    shown: str = field(repr=False)


class PersonalCallers:
    """Finds out who calls with a personal token; *used* hears of each use."""

    def __init__(self, finder: Finder, *, mac: Mac, used: Callable[[str, int], None], clock: Clock) -> None:
        self._finder = finder
        self._mac = mac
        self._used = used
        self._clock = clock

    async def caller(self, raw: str, route: str) -> Session:
        """Return who calls the route of that name with *raw*.

        Raises BearerRefused, ScopeMissing, StoreUnavailable.
        """
        if not looks_right(raw):
            raise BearerRefused("malformed", "personal token: mistyped")
        for key in self._mac.tags(raw.encode("ascii")):
            found = await self._finder.personal_token(key)
            if found is not None:
                return self._session(key, *found, route=route)
        raise BearerRefused("unknown", "personal token: revoked, or never made")

    async def again(self, session: Session) -> Session:
        """Return *session*, which stands for a personal token, as it is now. Raises as `caller` does."""
        key = bytes.fromhex(session.id.removeprefix(SESSION_PREFIX))
        found = await self._finder.personal_token(key)
        if found is None:
            raise BearerRefused("unknown", "personal token: revoked")
        return self._session(key, *found, route=None)

    def _session(self, key: bytes, token: PersonalToken, standing: Standing, *, route: str | None) -> Session:
        now = int(self._clock())
        if now >= token.expires_at:
            raise BearerRefused("expired", "personal token: expired")
        if not standing.enabled:
            raise BearerRefused("user_disabled", "personal token: its user is disabled")
        if route is not None and not token.opens(route):
            raise ScopeMissing("scope", "personal token: for other routes")
        if route is not None and (token.used_at is None or now - token.used_at >= NOTED_EVERY):
            self._used(token.public_id, now)
        return _as_session(key, token, standing)


def _as_session(key: bytes, token: PersonalToken, standing: Standing) -> Session:
    """Return what stands for the caller, the same each time: no moment of its use is in it."""
    return Session(
        id=SESSION_PREFIX + key.hex(),
        token_id=sha256(key).hexdigest(),
        identity=Identity(
            user_id=token.user_id,
            email=standing.email,
            email_verified=standing.email_verified,
            name=standing.name,
            image=standing.image,
            roles=standing.roles,
        ),
        issued_at=token.created_at,
        lease_until=token.expires_at,
        authenticated_at=token.created_at,
        ends_at=token.expires_at,
        epoch=standing.epoch,
        provider=PROVIDER,
        issuer=PROVIDER,
        subject=token.public_id,
        persistent=False,
    )


class Mint:
    """Makes personal tokens."""

    def __init__(self, book: Book, *, mac: Mac, randomness: Callable[[int], bytes], clock: Clock) -> None:
        self._book = book
        self._mac = mac
        self._randomness = randomness
        self._clock = clock

    async def make(self, user_id: str, *, name: str, routes: Sequence[str], life: int) -> Minted | None:
        """Return a new token of a user, good for *life* seconds; None where they have too many.

        Raises AccessDenied for a user who is disabled or gone, StoreUnavailable.
        """
        now = int(self._clock())
        shown = minted(self._randomness)
        token = PersonalToken(
            public_id=self._randomness(8).hex(),
            user_id=user_id,
            name=name,
            routes=tuple(routes),
            created_at=now,
            expires_at=now + life,
        )
        key = self._mac.tags(shown.encode("ascii"))[0]
        return Minted(token=token, shown=shown) if await self._book.add(token, key=key) else None

"""A user database in memory that can be slow, and down."""

import asyncio
from dataclasses import replace

from gateway.errors import StoreUnavailable
from gateway.model.identity import AccountClaims, User
from gateway.model.session import Session, Standing


class FakeDirectory:
    """Answers for the users it was given; counts what it was asked. `claims` are what their providers said.

    While `down`, everything raises StoreUnavailable. While `gate` is closed, a lookup that arrived
    waits with its answer: `asked` is set once one has.
    """

    def __init__(self, *users: User) -> None:
        self.users = {user.id: user for user in users}
        self.claims: dict[str, AccountClaims] = {}
        self.denied: dict[str, int] = {}
        self.lookups = 0
        self.down = False
        self.gate = asyncio.Event()
        self.gate.set()
        self.asked = asyncio.Event()
        self.recorded = asyncio.Event()

    def change(self, user_id: str, **changes: object) -> None:
        self.users[user_id] = replace(self.users[user_id], **changes)  # type: ignore[arg-type]

    def known(self, _session: Session) -> None:
        """Every question is asked."""

    async def standing(self, session: Session) -> Standing | None:
        self.lookups += 1
        if self.down:
            raise StoreUnavailable("down")
        answer = self._standing(session)
        self.asked.set()
        await self.gate.wait()
        return answer

    async def deny(self, session_id: str, until: int) -> None:
        if self.down:
            raise StoreUnavailable("down")
        self.denied[session_id] = until
        self.recorded.set()

    async def end_sessions_of(self, user_id: str, *, but: str | None = None) -> int | None:
        if self.down:
            raise StoreUnavailable("down")
        user = self.users.get(user_id)
        if user is None:
            return None
        self.change(user_id, epoch=user.epoch + 1)
        return user.epoch + 1

    def _standing(self, session: Session) -> Standing | None:
        user = self.users.get(session.identity.user_id)
        if user is None:
            return None
        return Standing(
            enabled=user.enabled,
            epoch=user.epoch,
            denied=session.id in self.denied,
            email=user.email,
            email_verified=user.email_verified,
            name=user.name,
            image=user.image,
            roles=user.roles,
            claims=self.claims.get(user.id),
        )

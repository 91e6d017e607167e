"""Administration: what administrators change, by the verbs of the command line, each told in the audit trail.

Laws: the transaction that changes a user finds, in that same transaction, that whoever asked is an enabled
administrator still, and never the one who is shut out by it: so two who shut out each other leave one, and
nobody ever leaves none. What was asked for is told with its outcome, done or not.
"""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from gateway.errors import AccessDenied, GatewayError, NoSuchPage, OwnAccessKept
from gateway.model.event import Audit, AuditEvent
from gateway.model.identity import User
from gateway.model.role import ADMIN
from gateway.model.session import Session, SignIn
from gateway.uninterrupted import uninterrupted

RECENT = 900  # seconds after an administrator proved who they are within which they may change something


class Ledger(Protocol):
    """Users inside one write transaction; every verb raises StoreUnavailable."""

    async def user(self, user_id: str) -> User | None: ...

    async def set_enabled(self, user_id: str, *, enabled: bool) -> User | None: ...

    async def grant(self, user_id: str, roles: Sequence[str]) -> None: ...

    async def revoke(self, user_id: str, roles: Sequence[str]) -> None: ...


class Books(Protocol):
    def ledger(self) -> AbstractAsyncContextManager[Ledger]:
        """Open one write transaction: kept at the body's end, undone if the body raises."""
        ...


class Endings(Protocol):
    async def end(self, public_id: str, *, user_id: str | None = None) -> bool:
        """End the session of that name; False where there is none. Raises StoreUnavailable."""
        ...

    async def end_sessions_of(self, user_id: str, *, but: str | None = None) -> int | None:
        """End every session of the user; None where they are gone. Raises StoreUnavailable."""
        ...


class SignIns(Protocol):
    async def named(self, beginning: str) -> Sequence[SignIn]:
        """Return the sessions whose public id begins so. Raises StoreUnavailable."""
        ...


class Counts(Protocol):
    def administered(self, *, action: str, outcome: str) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _Deed:
    """What an administrator asks for: the words of the command for it, and whom it is about."""

    words: str
    user_id: str = ""
    session_id: str = ""
    provider: str = ""
    detail: str = ""


class Administration:
    """Changes users and ends sessions on an administrator's word; *changed* hears once it is done.

    Every verb takes the administrator's session, and raises AccessDenied where they are none any more,
    NoSuchPage where there is nobody and nothing of that name, StoreUnavailable; then nothing is changed.
    """

    def __init__(
        self,
        books: Books,
        *,
        endings: Endings,
        sign_ins: SignIns,
        changed: Callable[[], None],
        counts: Counts,
        audit: Audit,
    ) -> None:
        self._books = books
        self._endings = endings
        self._sign_ins = sign_ins
        self._changed = changed
        self._counts = counts
        self._audit = audit

    async def disable(self, by: Session, user_id: str) -> None:
        """Shut the user out and end their sessions. Raises OwnAccessKept."""

        async def act(ledger: Ledger) -> None:
            _keep_own(by, user_id)
            await ledger.set_enabled(user_id, enabled=False)

        await self._change(by, _Deed(words="users.disable", user_id=user_id), act)

    async def enable(self, by: Session, user_id: str) -> None:
        """Let the user sign in again."""

        async def act(ledger: Ledger) -> None:
            await ledger.set_enabled(user_id, enabled=True)

        await self._change(by, _Deed(words="users.enable", user_id=user_id), act)

    async def grant(self, by: Session, user_id: str, role: str) -> None:
        """Give the user *role* by hand."""

        async def act(ledger: Ledger) -> None:
            await ledger.grant(user_id, [role])

        await self._change(by, _Deed(words="users.roles", user_id=user_id, detail=f"granted {role}"), act)

    async def revoke(self, by: Session, user_id: str, role: str) -> None:
        """Take *role*, where it was given by hand, from the user. Raises OwnAccessKept."""

        async def act(ledger: Ledger) -> None:
            if role == ADMIN:
                _keep_own(by, user_id)
            await ledger.revoke(user_id, [role])

        await self._change(by, _Deed(words="users.roles", user_id=user_id, detail=f"revoked {role}"), act)

    async def end_sessions_of(self, by: Session, user_id: str) -> None:
        """End every session of the user."""

        async def end() -> None:
            if await self._endings.end_sessions_of(user_id) is None:
                raise NoSuchPage("no such user")

        await self._do(by, _Deed(words="sessions.end", user_id=user_id, detail="all of one user"), end)

    async def end_session(self, by: Session, public_id: str) -> None:
        """End the session of that name."""
        named = await self._sign_ins.named(public_id)
        found = next((each for each in named if each.public_id == public_id), None)
        if found is None:
            raise NoSuchPage("no such session")

        async def end() -> None:
            if not await self._endings.end(public_id):
                raise NoSuchPage("it ended meanwhile")

        whose = {"user_id": found.user_id, "provider": found.provider}
        await self._do(by, _Deed(words="sessions.end", session_id=public_id, **whose), end)

    async def _change(self, by: Session, deed: _Deed, act: Callable[[Ledger], Awaitable[None]]) -> None:
        async def change() -> None:
            async with self._books.ledger() as ledger:
                _check_still(by, await ledger.user(by.identity.user_id))
                if await ledger.user(deed.user_id) is None:
                    raise NoSuchPage("no such user")
                await act(ledger)

        await self._do(by, deed, change)

    async def _do(self, by: Session, deed: _Deed, work: Callable[[], Awaitable[None]]) -> None:
        """Do *work*, whoever stops waiting for it, and tell what became of it."""
        await uninterrupted(self._done(by, deed, work))

    async def _done(self, by: Session, deed: _Deed, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except GatewayError as error:
            self._tell(by, deed, "failure" if error.status >= 500 else "refused", error.code)
            raise
        finally:
            self._changed()
        self._tell(by, deed, "success")

    def _tell(self, by: Session, deed: _Deed, outcome: str, reason: str = "") -> None:
        self._counts.administered(action=deed.words, outcome=outcome)
        self._audit(
            AuditEvent(
                name=f"admin.{deed.words}",
                outcome=outcome,
                reason=reason,
                actor=by.identity.user_id,
                user_id=deed.user_id,
                session_id=deed.session_id,
                provider=deed.provider,
                detail=deed.detail,
            )
        )


def _check_still(by: Session, found: User | None) -> None:
    """Raise AccessDenied unless whoever asked is an administrator at this moment, by a session that holds."""
    if found is None or not found.enabled or found.epoch != by.epoch or ADMIN not in found.roles:
        raise AccessDenied("no administrator any more")


def _keep_own(by: Session, user_id: str) -> None:
    if by.identity.user_id == user_id:
        raise OwnAccessKept("administrators do not shut themselves out")

"""The record of sign-ins: what people see in the list of their sessions, and what a logout needs.

Law: the ID token is kept sealed, together with the session that it belongs to: in another row it
does not open.
"""

from typing import Protocol

import msgspec

from gateway.errors import SealBroken, StoreUnavailable
from gateway.flows.transactions import Seals
from gateway.model.event import Audit, AuditEvent
from gateway.model.identity import VerifiedLogin
from gateway.model.inbound import Inbound
from gateway.model.session import Session, Visitor, public_name
from gateway.sessions.strategy import public_id

LONGEST_BROWSER = 255
LONGEST_ADDRESS = 64
LONGEST_HINT = 4096
"""Characters of an ID token beyond which no URL carries it as a hint."""


class Record(Protocol):
    """Where sign-ins are written. Both raise StoreUnavailable."""

    async def record(
        self,
        session: Session,
        *,
        address: str,
        browser: str,
        id_token: str | None = None,
        most: int = 0,
        replaced: str | None = None,
    ) -> tuple[bytes, ...]: ...

    async def id_token_of(self, session_id: str) -> str | None: ...


class _Kept(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True):
    session_id: str
    id_token: str


class SignInBook:
    """Writes down who signed in from where. *most* sessions a user are kept, 0: without limit."""

    def __init__(self, record: Record, *, sealer: Seals, most: int, audit: Audit) -> None:
        self._record = record
        self._sealer = sealer
        self._most = most
        self._audit = audit

    async def begin(
        self, session: Session, login: VerifiedLogin, inbound: Inbound, *, replaced: Session | None
    ) -> tuple[bytes, ...]:
        """Record that *session* began by *login*, in the place of *replaced*.

        The user's oldest beyond the limit end; returns their keys. Raises StoreUnavailable.
        """
        visitor = visitor_of(inbound)
        ended = await self._record.record(
            session,
            address=visitor.address,
            browser=visitor.browser,
            id_token=self._sealed(session, login.id_token),
            most=self._most,
            replaced=replaced.id if replaced is not None else None,
        )
        for key in ended:
            self._audit(
                AuditEvent(
                    name="session.ended",
                    reason="limit",
                    user_id=session.identity.user_id,
                    session_id=public_name(key),
                    detail=f"for {public_id(session.id)}",
                )
            )
        return ended

    async def hint(self, session: Session) -> str | None:
        """Return the ID token that was kept for *session*, None where there is none or it cannot be read."""
        try:
            sealed = await self._record.id_token_of(session.id)
            if sealed is None:
                return None
            kept = msgspec.msgpack.decode(self._sealer.open(sealed), type=_Kept)
        except (StoreUnavailable, SealBroken, msgspec.MsgspecError):
            return None
        return kept.id_token if kept.session_id == session.id else None

    def _sealed(self, session: Session, id_token: str | None) -> str | None:
        if id_token is None or len(id_token) > LONGEST_HINT:
            return None
        return self._sealer.seal(msgspec.msgpack.encode(_Kept(session.id, id_token)))


def visitor_of(inbound: Inbound) -> Visitor:
    """Return where a login comes from, both bounded."""
    return Visitor(address=inbound.client_ip[:LONGEST_ADDRESS], browser=_browser(inbound))


def _browser(inbound: Inbound) -> str:
    """Return what the browser calls itself: printable ASCII, bounded, empty where it says nothing plain."""
    told = inbound.values(b"user-agent")
    if len(told) != 1:
        return ""
    text = told[0][:LONGEST_BROWSER].decode("latin-1")
    return text if text.isascii() and text.isprintable() else ""

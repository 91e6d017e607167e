"""Session records: a session sealed for its own row and user, and opened there alone."""

from dataclasses import replace

from gateway.errors import SessionRejected, SessionTooLarge
from gateway.keys.seal import Sealer
from gateway.model.identity import Identity
from gateway.model.session import Session, SessionRecord, Visitor, session_key
from gateway.sessions import claims
from gateway.sessions.opaque import token_id

MOST = 4096


class Records:
    """Seals and opens records; the last *most* that opened need no decryption again."""

    def __init__(self, sealer: Sealer, *, audience: str, most: int = MOST) -> None:
        self._sealer = sealer
        self._audience = audience
        self._most = most
        self._opened: dict[tuple[bytes, str, str], Session] = {}

    def record(self, session: Session, visitor: Visitor) -> SessionRecord:
        """Return *session* as a store keeps it: its id is in it nowhere. Raises SessionTooLarge."""
        key, user_id = session_key(session.id), session.identity.user_id
        named = replace(session, id=key.hex())
        payload = claims.encode(named, audience=self._audience, pieces=1)
        try:
            sealed = self._sealer.seal(payload, bound=_bound(key, user_id))
        except ValueError:
            text = f"{len(payload)} B of claims; largest: {claims.largest(session)}"
            raise SessionTooLarge(text) from None
        return SessionRecord(
            key=key,
            user_id=user_id,
            sealed=sealed,
            created_at=session.authenticated_at,
            ends_at=session.ends_at,
            seen_at=session.authenticated_at,
            address=visitor.address,
            browser=visitor.browser,
            provider=session.provider,
            issuer=session.issuer,
            subject=session.subject,
            issuer_sid=session.issuer_sid,
        )

    def session(self, session_id: str, record: SessionRecord) -> Session:
        """Return the session in *record*, which is that of *session_id*.

        Raises SealBroken or SessionRejected where the record is another session's or user's, or of
        a form that this release does not know.
        """
        place = (record.key, record.user_id, record.sealed)
        known = self._opened.get(place)
        session = known or replace(self.read(record), id=session_id)
        if record.key != session_key(session_id):
            raise SessionRejected("invalid")
        if known is None:
            self._keep(place, session)
        return session

    def read(self, record: SessionRecord) -> Session:
        """Return the session in *record* for who looks through a store: in the place of its id is its key.

        Raises as `session` does.
        """
        payload = self._sealer.open(record.sealed, bound=_bound(record.key, record.user_id))
        session = claims.decode(payload, audience=self._audience, pieces=1)
        if session.id != record.key.hex() or session.identity.user_id != record.user_id:
            raise SessionRejected("invalid")
        return session

    def _keep(self, place: tuple[bytes, str, str], session: Session) -> None:
        if len(self._opened) >= self._most:
            del self._opened[next(iter(self._opened))]
        self._opened[place] = session


def unread(session_id: str) -> Session:
    """Return a session of which nothing is known but its id: it is nobody's, and lives in no time."""
    return Session(
        id=session_id,
        token_id=token_id(session_id),
        identity=Identity(user_id=""),
        issued_at=0,
        lease_until=0,
        authenticated_at=0,
        ends_at=0,
        epoch=0,
        provider="",
        issuer="",
        subject="",
    )


def _bound(key: bytes, user_id: str) -> bytes:
    return key + user_id.encode()

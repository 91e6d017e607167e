"""The names under which the store knows sessions: hashes, so that a copy of a table signs nobody out.

Law: what is hashed is framed by its length and begins with its kind, so that no session, issuer,
`sid` or `sub` can be written to stand for another.
"""

from dataclasses import dataclass
from hashlib import sha256

from gateway.model.session import SessionRecord


def _framed(*parts: str) -> bytes:
    encoded = [part.encode() for part in parts]
    return sha256(b"".join(len(part).to_bytes(4, "big") + part for part in encoded)).digest()


EVERYBODY = _framed("everybody")
"""Names the sessions of everybody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuerKeys:
    """How an issuer names sessions: one of its own (`sid`), or all of somebody's (`subject`).

    `sid` is empty, which names nothing, where the issuer sends none.
    """

    sid: bytes
    subject: bytes


def issuer_keys(issuer: str, *, sid: str | None, subject: str) -> IssuerKeys:
    """Return the names of a session begun by a login of *subject* at *issuer*."""
    return IssuerKeys(
        sid=sid_key(issuer, sid) if sid else b"",
        subject=subject_key(issuer, subject),
    )


def names_of(record: SessionRecord) -> tuple[bytes, ...]:
    """Return whatever else than its key names a stateful session: its user, and its issuer's names."""
    keys = issuer_keys(record.issuer, sid=record.issuer_sid, subject=record.subject)
    return tuple(filter(None, (user_name(record.user_id), keys.sid, keys.subject)))


def user_name(user_id: str) -> bytes:
    """Return the name of all sessions of a user of ours."""
    return user_id.encode()


def sid_key(issuer: str, sid: str) -> bytes:
    """Return the name of the sessions that *issuer* calls *sid*."""
    return _framed("sid", issuer, sid)


def subject_key(issuer: str, subject: str) -> bytes:
    """Return the name of all sessions of *subject* at *issuer*."""
    return _framed("sub", issuer, subject)

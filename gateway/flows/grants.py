"""Grants beside sessions: tokens of issuers, kept on the server and sealed for one row and column.

Law: a grant belongs to the session whose login brought it, not to the account: each login is granted
its own, and sessions never spend one another's refresh token.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import msgspec

from gateway.errors import GrantRefused, SealBroken
from gateway.model.grant import GrantRecord, ProviderTokens
from gateway.model.identity import VerifiedLogin
from gateway.model.inbound import Inbound
from gateway.model.session import Session, session_key

FOREIGN = "foreign"
"""Why a grant is dead whose issuer gave tokens about somebody else: its session ends with it."""

_FORMAT = 1
_ROW = b"provider_grants.sealed\0"
_OUTCOME = b"refreshed_grants.sealed\0"


class Seals(Protocol):
    def seal(self, payload: bytes, *, bound: bytes) -> str: ...

    def open(self, sealed: str, *, bound: bytes) -> bytes: ...


class Tags(Protocol):
    def tag(self, *parts: bytes) -> bytes: ...


class GrantStore(Protocol):
    """Where grants are kept. Raises StoreUnavailable."""

    async def keep(self, record: GrantRecord) -> None: ...

    async def find(self, key: bytes) -> GrantRecord | None: ...


class Book(Protocol):
    async def begin(
        self, session: Session, login: VerifiedLogin, inbound: Inbound, *, replaced: Session | None
    ) -> Sequence[bytes]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """A grant that was opened; `tokens` is None once it is dead."""

    record: GrantRecord
    tokens: ProviderTokens | None


class _Kept(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True):
    form: int
    tokens: ProviderTokens | None


class Grants:
    """Opens and seals grants, and finds them in *store*."""

    def __init__(self, store: GrantStore, *, sealer: Seals, mac: Tags) -> None:
        self._store = store
        self._sealer = sealer
        self._mac = mac

    async def keep(self, session: Session, tokens: ProviderTokens) -> None:
        """Keep what the login of *session* brought. Raises StoreUnavailable."""
        key = session_key(session.id)
        record = GrantRecord(
            key=key,
            user_id=session.identity.user_id,
            provider=session.provider,
            issuer=session.issuer,
            subject=session.subject,
            sealed=self._sealed(tokens, _ROW + key),
            ends_at=session.ends_at,
        )
        await self._store.keep(record)

    async def find(self, session: Session) -> Grant | None:
        """Return the grant of *session*, None where there is none that opens. Raises StoreUnavailable."""
        record = await self._store.find(session_key(session.id))
        return None if record is None else self.opened(record)

    def opened(self, record: GrantRecord) -> Grant | None:
        """Return the grant in *record*, None where it does not open: its key is retired, or it was moved."""
        if record.dead:
            return Grant(record=record, tokens=None)
        kept = self._open(record.sealed, _ROW + record.key)
        return None if kept is None else Grant(record=record, tokens=kept.tokens)

    def replaced(self, grant: Grant, tokens: ProviderTokens) -> GrantRecord:
        """Return the record of *grant* with *tokens* in place of its own."""
        sealed = self._sealed(tokens, _ROW + grant.record.key)
        return replace(grant.record, sealed=sealed, retry_at=0)

    def tag_of(self, grant: Grant) -> bytes:
        """Return the keyed hash by which the refresh token of *grant* is known once it is spent.

        Raises GrantRefused where there is none.
        """
        if grant.tokens is None or grant.tokens.refresh_token is None:
            raise GrantRefused("there is no refresh token")
        return self._mac.tag(grant.tokens.refresh_token.encode())

    def sealed_outcome(self, tag: bytes, tokens: ProviderTokens | None) -> str:
        """Return what became of the refresh token under *tag*: *tokens*, or None for a refusal."""
        return self._sealed(tokens, _OUTCOME + tag)

    def with_outcome(self, record: GrantRecord, tag: bytes, outcome: str) -> Grant:
        """Return the grant as it is after what became of its refresh token; dead where that is unknown."""
        kept = self._open(outcome, _OUTCOME + tag)
        return Grant(record=record, tokens=kept.tokens if kept else None)

    def _sealed(self, tokens: ProviderTokens | None, bound: bytes) -> str:
        return self._sealer.seal(msgspec.msgpack.encode(_Kept(_FORMAT, tokens)), bound=bound)

    def _open(self, sealed: str, bound: bytes) -> _Kept | None:
        try:
            kept = msgspec.msgpack.decode(self._sealer.open(sealed, bound=bound), type=_Kept)
        except (SealBroken, msgspec.MsgspecError):
            return None
        return kept if kept.form == _FORMAT else None


class BookWithGrants:
    """Records that sessions began in *book*, and keeps what their logins brought."""

    def __init__(self, book: Book, grants: Grants) -> None:
        self._book = book
        self._grants = grants

    async def begin(
        self, session: Session, login: VerifiedLogin, inbound: Inbound, *, replaced: Session | None
    ) -> Sequence[bytes]:
        """Record that *session* began by *login*; return what *book* does. Raises StoreUnavailable."""
        ended = await self._book.begin(session, login, inbound, replaced=replaced)
        if login.tokens is not None:
            await self._grants.keep(session, login.tokens)
        return ended

"""A session: one login of one user in one browser."""

import hashlib
from dataclasses import dataclass

from gateway.model.identity import AccountClaims, Identity
from gateway.model.proof import Proof, aged


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A session that opened and held. All times are Unix seconds.

    `id` (`sid`) is constant, `token_id` (`jti`) new with each lease. `lease_until` (`exp`) ends the
    trust without asking; `ends_at` (`sexp`) is the absolute end, fixed at login; `epoch` is the
    user's at login. `persistent` says whether the cookie outlives the browser. `proved_at` is when
    the person last proved who they are to the provider, None where it did not say; `authenticated_at`
    is when they arrived here.
    """

    id: str
    token_id: str
    identity: Identity
    issued_at: int
    lease_until: int
    authenticated_at: int
    ends_at: int
    epoch: int
    provider: str
    issuer: str
    subject: str
    issuer_sid: str | None = None
    acr: str | None = None
    amr: tuple[str, ...] = ()
    persistent: bool = True
    proved_at: int | None = None

    @property
    def last_proof_at(self) -> int:
        """When the session's person last proved who they are, as far as anybody knows: an issuer that
        remembers them and says so asked them earlier than they arrived here."""
        return self.authenticated_at if self.proved_at is None else min(self.proved_at, self.authenticated_at)

    def proof(self, *, now: float) -> Proof:
        """Return how the session's person proved who they are, as of *now*."""
        return Proof(age=aged(self.proved_at, now=now), acr=self.acr)


@dataclass(frozen=True, slots=True, kw_only=True)
class Validity:
    """What our database holds that may end a session, at one moment.

    `enabled` and `epoch` are its user's; `denied` is true where the session is on the denylist or before
    a cut-off time.
    """

    enabled: bool
    epoch: int
    denied: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing(Validity):
    """What our database says about a session at one moment (BEHAVIOUR 2, the lookup).

    `claims` is what the provider of its account said last, None where that is not known.
    """

    email: str | None
    email_verified: bool
    name: str | None
    image: str | None
    roles: tuple[str, ...]
    claims: AccountClaims | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """Where a login came from, for the person to recognise it: client address, and what the browser says."""

    address: str
    browser: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRecord:
    """A stateful session as a store keeps it. All times are Unix seconds.

    `key` is `session_key` of the cookie's id, which itself is kept nowhere. `sealed` holds the
    claims, and opens for this key and this user alone; the other fields are for finding, listing
    and ending sessions without opening them.
    """

    key: bytes
    user_id: str
    sealed: str
    created_at: int
    ends_at: int
    seen_at: int
    address: str
    browser: str
    provider: str
    issuer: str
    subject: str
    issuer_sid: str | None = None

    @property
    def public_id(self) -> str:
        """The name by which the session is told to people and logs: of no use as a cookie."""
        return public_name(self.key)


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundSession:
    """What a store says about one session at one moment; `standing` is None where its user is gone.

    `names` are those, besides its key, under which news may come that it changed.
    """

    record: SessionRecord
    standing: Standing | None
    names: tuple[bytes, ...]


def session_key(session_id: str) -> bytes:
    """Return what stores keep of a session's id: a copy of their tables signs nobody in or out."""
    return hashlib.sha256(session_id.encode()).digest()


def public_name(key: bytes) -> str:
    """Return the name by which the session under *key* is told to people and logs."""
    return key.hex()[:16]


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """A session as it is told to people. All times are Unix seconds.

    `public_id` names it and is of no use as a cookie. `last_seen_at` is a renewal's, so it lags by
    up to one lease; `address` and `browser` are those of the login, as the request said them.
    """

    public_id: str
    user_id: str
    provider: str
    started_at: int
    last_seen_at: int
    ends_at: int
    address: str
    browser: str

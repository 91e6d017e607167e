"""A session: one login of one user in one browser."""

from dataclasses import dataclass

from gateway.model.identity import Identity


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A session that opened and held. All times are Unix seconds.

    `id` (`sid`) is constant, `token_id` (`jti`) new with each lease. `lease_until` (`exp`) ends the
    trust without asking; `ends_at` (`sexp`) is the absolute end, fixed at login; `epoch` is the
    user's at login. `persistent` says whether the cookie outlives the browser.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What our database says about a session at one moment (BEHAVIOUR 2, the lookup).

    `denied` is true where the session is on the denylist or before a cut-off time.
    """

    enabled: bool
    epoch: int
    denied: bool
    email: str | None
    email_verified: bool
    name: str | None
    image: str | None
    roles: tuple[str, ...]


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

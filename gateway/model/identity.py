"""Who somebody is: the person, the accounts they sign in with, and what upstreams are told."""

from dataclasses import dataclass, field

from gateway.model.grant import ProviderTokens
from gateway.model.role import EarnedRole


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who is calling, as told to upstreams.

    `user_id` is the internal id: random, stable for life, the same for all linked accounts.
    `email_verified` is whether an issuer or an administrator vouches for the e-mail: rules about
    e-mails count no other. `claims` holds the configured extra claims, each a name and its values
    as strings.
    """

    user_id: str
    email: str | None = None
    email_verified: bool = False
    name: str | None = None
    image: str | None = None
    roles: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    claims: tuple[tuple[str, tuple[str, ...]], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountClaims:
    """What a provider said last about one account: its groups, and the configured extra claims as an
    `Identity` has them."""

    groups: tuple[str, ...] = ()
    claims: tuple[tuple[str, tuple[str, ...]], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """One person. `epoch` rises to end all of their sessions; times are Unix seconds."""

    id: str
    email: str | None
    email_verified: bool
    name: str | None
    image: str | None
    enabled: bool
    epoch: int
    roles: tuple[str, ...]
    created_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One identity at one provider, keyed by (provider, issuer, subject) and by nothing else.

    `scope` is what its last login was granted.
    """

    provider: str
    issuer: str
    subject: str
    user_id: str
    email: str | None
    linked_at: int
    last_login_at: int
    scope: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedLogin:
    """What a provider proved about somebody, every check passed (OpenID Connect Core 3.1.3.7).

    `email_verified` is true only where the issuer sent the JSON value `true`. `roles` are those that
    the configuration grants for what the provider said. `authenticated_at` (`auth_time`) is when they
    last proved it, in Unix seconds, None where the provider does not say. `id_token` is there where
    the issuer will want it back at a logout, `tokens` where the provider gives any.
    """

    provider: str
    issuer: str
    subject: str
    email: str | None = None
    email_verified: bool = False
    name: str | None = None
    image: str | None = None
    groups: tuple[str, ...] = ()
    roles: tuple[EarnedRole, ...] = ()
    claims: tuple[tuple[str, tuple[str, ...]], ...] = ()
    issuer_sid: str | None = None
    acr: str | None = None
    amr: tuple[str, ...] = ()
    authenticated_at: int | None = None
    scope: str = ""
    access_expires_at: int | None = None
    id_token: str | None = field(default=None, repr=False)
    tokens: ProviderTokens | None = None

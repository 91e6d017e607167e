"""What an issuer granted with one login: tokens that live on the server, beside one session."""

from dataclasses import dataclass, field, replace

ASSUMED = 3600
"""Seconds that an access token is taken to live where its issuer does not say, and it can be refreshed."""

MOST_RESOURCES = 16
"""Resources of which one grant holds access tokens."""

_EARLY = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A token for an upstream. Times are Unix seconds; `expires_at` is None where it is not known."""

    value: str = field(repr=False)
    received_at: int
    expires_at: int | None = None

    def lives(self, now: float) -> bool:
        """Say whether it has not expired."""
        return self.expires_at is None or now < self.expires_at

    def is_due(self, now: float) -> bool:
        """Say whether it is to be refreshed: a minute before its end, or a fifth of a short life."""
        if self.expires_at is None:
            return False
        return now >= self.expires_at - min(_EARLY, (self.expires_at - self.received_at) // 5)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderTokens:
    """What the token endpoint gave, every check passed.

    `id_token` expires as its claims say; `nonce` is that of the login, which a later ID token may
    repeat and never change (OpenID Connect Core 12.2). `resources` are access tokens for one resource
    each, by its URI (RFC 8707). `dpop_key` is the private key that access tokens are bound to (RFC 9449).
    `scope` is what the login was granted.
    """

    access_token: Token
    id_token: Token | None = None
    refresh_token: str | None = field(default=None, repr=False)
    nonce: str | None = field(default=None, repr=False)
    resources: tuple[tuple[str, Token], ...] = ()
    dpop_key: str | None = field(default=None, repr=False)
    scope: str = ""

    def access(self, resource: str | None) -> Token | None:
        """Return the access token for *resource*, None standing for no resource in particular."""
        return self.access_token if resource is None else dict(self.resources).get(resource)

    def with_access(self, resource: str | None, token: Token) -> "ProviderTokens":
        """Return these tokens with *token* as the one for *resource*; of the others, the newest stay."""
        if resource is None:
            return replace(self, access_token=token)
        others = [each for each in self.resources if each[0] != resource]
        return replace(self, resources=(*others[1 - MOST_RESOURCES :], (resource, token)))

    def is_due(self, resource: str | None, now: float) -> bool:
        """Say whether the access token for *resource* is to be asked for; one whose end is not known is
        after an hour, where that is possible."""
        token = self.access(resource)
        if token is None or token.expires_at is not None or self.refresh_token is None:
            return token is None or token.is_due(now)
        return now >= token.received_at + ASSUMED


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantRecord:
    """A session's grant as a store keeps it. All times are Unix seconds.

    `key` is the session's `session_key`. `sealed` holds the tokens and opens for this row alone; it is
    empty once the grant is `dead`, which then is the reason. `version` counts its changes;
    `presented` how often its refresh token was about to be presented with no answer known since;
    before `retry_at` nobody asks the issuer again.
    """

    key: bytes
    user_id: str
    provider: str
    issuer: str
    subject: str
    sealed: str = field(repr=False)
    ends_at: int
    version: int = 0
    presented: int = 0
    retry_at: int = 0
    dead: str = ""

    @property
    def public_id(self) -> str:
        """The name by which its session is told to people and logs."""
        return self.key.hex()[:16]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """A lock that somebody holds: `beat` rises for as long as its holder lives. `until` is a Unix second."""

    name: bytes
    holder: str
    beat: int
    until: int

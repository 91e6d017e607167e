"""`[[routes]]`, `[upstreams.NAME]` and `[identity]`: what is governed, where it leads, what is told."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StrictBool

from gateway.settings.addresses import Cidr, HostPattern
from gateway.settings.bearers import Bearers
from gateway.settings.fields import (
    AcrValues,
    ClaimName,
    Email,
    EmailDomain,
    Header,
    HeaderOrOff,
    IdentityField,
    Method,
    OneOrMore,
    RoutePath,
    SchemeOrOff,
    TokenHeader,
    Word,
    WordOrOff,
    Words,
    not_empty,
)
from gateway.settings.quantities import CountOrOff, Duration, DurationOrOff, LifetimeOrOff, SizeOrOff
from gateway.settings.references import PrivateKeys
from gateway.settings.table import Table, written

PERSONAL = ("roles", "groups", "emails", "email_domains", "users", "claims")
"""The rules that only somebody's identity can decide."""


Signature = Literal["off", "hmac-sha256", "ed25519"]


class IdentitySettings(Table):
    """What every upstream is told about the caller; an upstream or a route may override it."""

    assertion: HeaderOrOff = Field(
        default="X-Gateway-Assertion", description='The header of the signed assertion; "off" drops it.'
    )
    assertion_keys: PrivateKeys = Field(
        default=(),
        description="Private keys in PEM that sign assertions in place of the one made of `secret`: P-256 "
        "(ES256), Ed25519 (EdDSA) or RSA (RS256). The first signs, all are published.",
        examples=[{"file": "keys/assertion.pem"}],
    )
    signature: Signature = Field(
        default="off",
        description='"hmac-sha256" or "ed25519" signs each request: method, host, path, query and these '
        'headers (RFC 9421); "off": none is.',
    )
    headers: Mapping[Header, IdentityField] = Field(
        default={
            "X-User-Id": "id",
            "X-User-Email": "email",
            "X-User-Name": "name",
            "X-User-Roles": "roles",
            "X-User-Groups": "groups",
        },
        description="Header = field: id, email, name, image, roles, groups, provider or claims.NAME. "
        "A table of your own replaces this one.",
    )

    def overridden(self, own: "OwnIdentitySettings | None") -> "IdentitySettings":
        """Return what is told where *own* has words of its own."""
        if own is None:
            return self
        return IdentitySettings.model_construct(
            assertion_keys=self.assertion_keys,
            assertion=own.assertion if "assertion" in own.model_fields_set else self.assertion,
            signature=self.signature if own.signature is None else own.signature,
            headers=self.headers if own.headers is None else own.headers,
        )


class OwnIdentitySettings(Table):
    """What one upstream, or the upstream of one route, is told instead; what is left out stays as it is."""

    assertion: HeaderOrOff = Field(default=None, validate_default=False, description="As in [identity].")
    signature: Signature | None = Field(default=None, validate_default=False, description="As in [identity].")
    headers: Mapping[Header, IdentityField] | None = Field(
        default=None, validate_default=False, description="As in [identity]."
    )


class RateSettings(Table):
    """How often one caller, or all of them, may ask."""

    requests: Annotated[int, Field(strict=True, ge=1, le=1_000_000)] = Field(
        description="So many at once; used up, they come back evenly.", examples=[100]
    )
    per: Duration = Field(description="In how long all of them come back.", examples=["1m"])
    by: Literal["user", "address", "route"] = Field(
        default="user",
        description='Who is counted: each "user" (an address where nobody is signed in), each "address", or '
        'all callers of the "route" together.',
    )
    store: Literal["memory", "redis"] = Field(
        default="memory",
        description='Where: in the "memory" of each process for itself, or in [redis] for all together.',
    )


class WebSocketLimitSettings(Table):
    """What a client may send through a WebSocket, and for how long nobody may say anything."""

    message: SizeOrOff = Field(
        default=written("4MiB"),
        description="The largest message, all its fragments together, as it comes; a larger one closes with "
        "1009.",
    )
    frames: CountOrOff = Field(
        default=1000, description="Frames a second; a client that sends more is held back."
    )
    idle: DurationOrOff = Field(
        default=written("5m"), description="How long nothing may move in either direction."
    )


class RuleSettings(Table):
    """Conditions on the caller: any one value inside a key, all keys together."""

    roles: Words = Field(
        default=(), validate_default=False, description="Roles from our database.", examples=[["admin"]]
    )
    groups: Words = Field(
        default=(), validate_default=False, description="Groups that the issuer names.", examples=[["staff"]]
    )
    emails: Annotated[tuple[Email, ...], AfterValidator(not_empty)] = Field(
        default=(), validate_default=False, description="Verified addresses, in lower case.",
        examples=[["alice@example.com"]],
    )  # fmt: skip
    email_domains: Annotated[tuple[EmailDomain, ...], AfterValidator(not_empty)] = Field(
        default=(), validate_default=False, description="Whole domains of verified addresses, without @.",
        examples=[["example.com"]],
    )  # fmt: skip
    users: Words = Field(
        default=(), validate_default=False, description="Internal user ids, as X-User-Id has them.",
        examples=[["usr_0123456789"]],
    )  # fmt: skip
    networks: Annotated[tuple[Cidr, ...], AfterValidator(not_empty)] = Field(
        default=(),
        validate_default=False,
        description="Where the caller comes from.",
        examples=[["10.0.0.0/8"]],
    )
    claims: Annotated[Mapping[ClaimName, OneOrMore], AfterValidator(not_empty)] = Field(
        default=written({}), validate_default=False, description="Claims by name, as the provider says them.",
        examples=[{"department": "it"}],
    )  # fmt: skip


class _Governed(Table):
    host: HostPattern | None = Field(
        default=None,
        description='An exact host or "*.example.com" (one label); left out: any host of ours.',
        examples=["wiki.example.com"],
    )
    path: RoutePath = Field(
        default="/",
        description="A prefix that ends at a segment: /app governs /app and /app/x, never /apple.",
    )
    upstream: WordOrOff = Field(
        description="A name from [upstreams], or the URL of the app; "
        '"off" where a proxy in front sends the requests and asks at /.gateway/auth about each.',
        examples=["wiki"],
    )
    audience: Word | None = Field(
        default=None,
        description="What assertions are addressed to on this route. Default: the upstream's audience; "
        'with upstream = "off", the origin that is asked for.',
        examples=["wiki"],
    )
    access: Literal["authenticated", "optional", "public"] = Field(
        default="authenticated",
        description='"authenticated", "optional" (identity if there is one) or "public" (no identity sent).',
    )


class RouteSettings(RuleSettings, _Governed):
    """One rule of the gateway. The most specific wins: exact host, wildcard, any; then the longest path."""

    deny: RuleSettings = Field(
        default=written({}),
        description="The same keys; whoever matches any of them is refused first.",
        examples=[{"groups": ["contractors"]}],
    )
    roles_from: Literal["database", "token"] | None = Field(
        default=None,
        description='Where roles are read: "database" (at each request; the default where roles are named) '
        'or "token" (as of the last renewal).',
        examples=["database"],
    )
    max_auth_age: LifetimeOrOff = Field(
        default=written("off"),
        description="How long ago the caller may have proved who they are; later they sign in once more.",
    )
    acr_values: AcrValues = Field(
        default=(),
        validate_default=False,
        description="How they must have done it: values of the claim acr, any one will do, the best first.",
        examples=[["urn:example:mfa"]],
    )
    methods: Annotated[tuple[Method, ...], AfterValidator(not_empty)] | None = Field(
        default=None, description="The only methods that pass; GET covers HEAD.", examples=[["GET", "POST"]]
    )
    csrf: Literal["off", "fetch-metadata"] = Field(
        default="off",
        description='"fetch-metadata" refuses, with 403, what another site makes a browser send with any '
        "method but GET, HEAD and OPTIONS; a token in Authorization is not asked.",
    )
    strip_prefix: StrictBool = Field(
        default=False, description="Cut the route's path off before the app sees it."
    )
    max_body: SizeOrOff = Field(
        default=written("off"), description='The largest request body; "off" streams any length.'
    )
    allow_in_path: tuple[Literal["%2f", "//", ";"], ...] = Field(
        default=(),
        description="Spellings refused unless the app behind needs them.",
        examples=[["%2f", "//", ";"]],
    )
    rate_limit: RateSettings | None = Field(
        default=None,
        description="How often one caller, or all of them, may ask; beyond, 429.",
        examples=[{"requests": 100, "per": "1m"}],
    )
    websocket: StrictBool = Field(
        default=False, description="Let WebSockets through; their Origin must be this route's own."
    )
    websocket_limits: WebSocketLimitSettings = Field(
        default=written({}),
        description="What a client may send through one, and for how long nobody may say anything.",
    )
    websocket_ping: DurationOrOff = Field(
        default=written("off"),
        description="After how long without a word a client is pinged, so that nobody on the way gives the "
        "connection up.",
    )
    forward_token: Literal["access_token", "id_token"] | None = Field(
        default=None,
        description='Send the caller\'s token of their issuer along: "access_token" or "id_token".',
        examples=["access_token"],
    )
    token_header: TokenHeader = Field(
        default="Authorization", description="With forward_token: the header that it is sent in."
    )
    token_scheme: SchemeOrOff = Field(
        default="Bearer", description='With forward_token: what stands before it; "off": nothing.'
    )
    on_refresh_error: Literal["keep", "login", "deny"] = Field(
        default="login",
        description='With forward_token, where only a new login brings one: "login", "deny" (403), or '
        '"keep" on with what there is.',
    )
    bearer: Bearers = Field(
        default=(),
        validate_default=False,
        description="Issuers whose access tokens are taken in the place of a session: a table, or a list. "
        "Keys: issuer, audience, algorithms, introspection, scopes, typ, callers, claims.",
        examples=[{"issuer": "https://login.example.com", "audience": "https://gateway.example.com"}],
    )
    personal_tokens: StrictBool = Field(
        default=False,
        description="Take personal access tokens, which `gateway tokens` makes for users, in the place of "
        "a session.",
    )
    forward_bearer: StrictBool = Field(
        default=False,
        description="Send the client's Authorization along, which the gateway keeps where it takes tokens.",
    )
    identity: OwnIdentitySettings | None = Field(
        default=None,
        description="What this upstream is told instead of [identity].",
        examples=[{"headers": {"Remote-User": "email"}}],
    )

    @property
    def takes_bearers(self) -> bool:
        """Whether a token in Authorization may stand for a session."""
        return bool(self.bearer) or self.personal_tokens

    @property
    def asks_for_roles(self) -> bool:
        """Whether roles are read from the database at each request."""
        return self.roles_from == "database" or (
            self.roles_from is None and bool(self.roles or self.deny.roles)
        )

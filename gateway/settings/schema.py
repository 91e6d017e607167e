"""Every key of `gateway.toml` and its default. Nothing is accepted here that nothing obeys."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, StrictBool

from gateway.model.cores import usable_cores
from gateway.settings.addresses import Listen, PublicListen, PublicUrl, TrustedProxy, url
from gateway.settings.database_url import DatabaseUrl
from gateway.settings.fields import CookieDomain, CookieName, Prefix, Slug, Workers
from gateway.settings.providers import ProviderSettings
from gateway.settings.quantities import CountOrOff, Lifetime, LifetimeOrOff
from gateway.settings.redis import RedisSettings
from gateway.settings.references import SecretRing
from gateway.settings.roles import RoleGrantSettings
from gateway.settings.routes import IdentitySettings, RouteSettings
from gateway.settings.table import Table, written
from gateway.settings.tls import TlsSettings
from gateway.settings.upstreams import UpstreamSettings


class CookieSettings(Table):
    """The session cookie."""

    name: CookieName = Field(
        default="session",
        description="Sent as __Host-session on https, as __Secure-session with a domain.",
    )
    domain: CookieDomain | None = Field(
        default=None,
        description="Share the session with every host under this domain; without it, with one host only.",
        examples=["example.com"],
    )
    same_site: Literal["lax", "strict", "none"] = Field(
        default="lax", description='"lax", "strict" or, on https only, "none".'
    )


class SessionSettings(Table):
    """How long somebody stays signed in, and how soon that can be ended."""

    strategy: Literal["stateless", "stateful"] = Field(
        default="stateless",
        description='"stateless": the cookie is the session; "stateful": it names one kept in the store.',
    )
    lease: Lifetime = Field(
        default=written("10m"),
        description="Stateless: how long a token is trusted without asking the database.",
    )
    max_age: Lifetime = Field(
        default=written("30d"), description="The absolute end, fixed at login; no renewal moves it."
    )
    idle_timeout: LifetimeOrOff = Field(
        default=written("off"),
        description='End after so long without a request (stateless: seen when a lease ends); "off": never.',
    )
    revocation: Literal["renewal", "strict"] = Field(
        default="renewal",
        description='Stateless: "renewal": a stolen copy lives one lease at most; "strict": asks every time.',
    )
    store: Literal["database", "redis"] = Field(
        default="database", description='Stateful: where sessions are kept, "database" or "redis".'
    )
    cache: Literal["push", "off"] = Field(
        default="push",
        description='Stateful: "push": held in process, dropped by news of changes; "off": asks every time.',
    )
    max_sessions_per_user: Annotated[int, Field(strict=True, ge=0, le=10_000)] = Field(
        default=0,
        description="A login beyond so many ends the user's oldest, as signing out does; 0: no limit.",
    )
    cookie: CookieSettings = Field(default=written({}), description="The session cookie.")


class DatabaseSettings(Table):
    """Users, accounts, roles and the audit trail."""

    url: DatabaseUrl = Field(
        default="sqlite:///var/gateway.db",
        repr=False,
        description="A SQLite file, a relative path starting here; or postgresql://user:password@host:port/name.",
    )


class AuditSettings(Table):
    """The audit trail in the database: who did what, and what became of it."""

    keep: LifetimeOrOff = Field(
        default=written("365d"), description='How long an entry is kept; "off": for ever.'
    )


class LogSettings(Table):
    """What the gateway says on standard output."""

    format: Literal["auto", "json", "console"] = Field(
        default="auto", description='"json", "console", or "auto": console on a terminal, else JSON.'
    )
    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description='"debug", "info", "warning" or "error".'
    )


class LimitSettings(Table):
    """How many clients may be there at once."""

    connections: Annotated[int, Field(strict=True, ge=16)] | Literal["auto"] = Field(
        default="auto",
        description='Connections to each process; "auto": as many as its descriptors allow. At the limit '
        "those that idle give way.",
    )
    connections_per_address: CountOrOff = Field(
        default=1024,
        description="Of these, connections of one address that is not in trusted_proxies.",
    )


class Settings(Table):
    """The whole configuration of one gateway."""

    public_url: PublicUrl = Field(
        description="What the browser types; https unless loopback. The only source of redirect_uri.",
        examples=["https://gateway.example.com"],
    )
    listen: PublicListen = Field(
        default="127.0.0.1:8080", description="Where the gateway listens: host:port, or unix:/path."
    )
    admin_listen: Listen = Field(
        default="127.0.0.1:8081", description="/livez /readyz /startupz /metrics; never on the public port."
    )
    workers: Workers = Field(
        default=1,
        description='How many processes serve, or "auto": one for each core that may be used.',
    )
    secret: SecretRing = Field(
        repr=False,
        description="At least 32 bytes; a list rotates: the first seals, all open.",
        examples=[{"file": "var/secret.key"}],
    )
    trusted_proxies: tuple[TrustedProxy, ...] = Field(
        default=(),
        description='Networks whose Forwarded and X-Forwarded-* are believed; "unix:" for a Unix socket in '
        "listen. Empty: nobody's.",
    )
    proxy_protocol: StrictBool = Field(
        default=False,
        description="Whether trusted_proxies begin each connection with a PROXY header, version 1 or 2.",
    )
    prefix: Prefix = Field(default="/.gateway", description="Our own pages and endpoints.")
    tls: TlsSettings | None = Field(
        default=None,
        description="TLS on the public port; both files are looked at while it runs. Without it, plain HTTP.",
        examples=[{"cert": "certs/gateway.pem", "key": "certs/gateway.key"}],
    )
    session: SessionSettings = Field(default=written({}), description="How long somebody stays signed in.")
    database: DatabaseSettings = Field(
        default=written({}), description="Users, accounts, roles and the audit trail."
    )
    redis: RedisSettings = Field(default=written({}), description="The Redis of sessions and of rate limits.")
    audit: AuditSettings = Field(default=written({}), description="The audit trail in the database.")
    limits: LimitSettings = Field(default=written({}), description="How many clients may be there at once.")
    log: LogSettings = Field(default=written({}), description="What the gateway says on standard output.")
    identity: IdentitySettings = Field(default=written({}), description="What every upstream is told.")
    providers: tuple[ProviderSettings, ...] = Field(
        default=(),
        description="Where to sign in; one issuer: straight on, else a page with the form and the buttons.",
    )
    upstreams: Mapping[Slug, UpstreamSettings] = Field(default=written({}), description="Apps by name.")
    routes: tuple[RouteSettings, ...] = Field(default=(), description="What is governed, and where it leads.")
    roles: tuple[RoleGrantSettings, ...] = Field(
        default=(), description="Roles granted at login because of what the issuer says."
    )

    @property
    def processes(self) -> int:
        """How many processes serve on this machine."""
        return self.workers if isinstance(self.workers, int) else usable_cores()

    @property
    def counts_in_redis(self) -> bool:
        """Whether any route's requests are counted in Redis."""
        return any(route.rate_limit and route.rate_limit.store == "redis" for route in self.routes)

    def named_upstream(self, route: RouteSettings) -> UpstreamSettings | None:
        """Return what `[upstreams]` says of the one that *route* leads to, None where it says nothing."""
        return None if route.upstream is None else self.upstreams.get(route.upstream)

    def upstream_of(self, called: str) -> tuple[str, UpstreamSettings]:
        """Return the name and settings of an upstream as a route calls it; a URL is named by its origin."""
        if named := self.upstreams.get(called):
            return called, named
        origin = url(called).origin
        return origin, UpstreamSettings(urls=(origin,))

    def identity_of(self, route: RouteSettings) -> IdentitySettings:
        """Return what this route's upstream is told: the route's words before the upstream's, before all."""
        named = self.named_upstream(route)
        told = self.identity.overridden(None if named is None else named.identity)
        return told.overridden(route.identity)

"""`[upstreams.NAME]`: an app behind the gateway, its members, and what is to be expected of them."""

from typing import Annotated, Literal

from pydantic import Field, PositiveInt, StrictBool

from gateway.settings.addresses import UpstreamUrl
from gateway.settings.fields import HealthPath, ResourceUri, ServerName, Word
from gateway.settings.files import ReadableFile
from gateway.settings.quantities import Duration, DurationOrOff
from gateway.settings.references import SharedSecret
from gateway.settings.routes import OwnIdentitySettings
from gateway.settings.table import Table, written


class TimeoutSettings(Table):
    """How long an upstream may stay silent."""

    connect: Duration = Field(default=written("5s"), description="Until a connection stands.")
    first_byte: Duration = Field(default=written("60s"), description="Until the answer begins.")
    idle: Duration = Field(default=written("60s"), description="Between two pieces of the answer.")


class HealthSettings(Table):
    """What each member is asked: it is well while it answers 2xx or 3xx."""

    path: HealthPath = Field(description="The path that is asked for.", examples=["/healthz"])
    interval: Duration = Field(default=written("5s"), description="From one question to the next.")
    timeout: Duration = Field(default=written("2s"), description="How long an answer may take.")


class LimitSettings(Table):
    """What each member is burdened with at most."""

    connections: Annotated[PositiveInt, Field(le=65_535)] = Field(
        default=256, description="Connections to each member."
    )
    queue: Annotated[int, Field(ge=0, le=1_000_000)] = Field(
        default=1024, description="Requests that wait for a connection; more are answered 503."
    )


class UpstreamTlsSettings(Table):
    """TLS towards an upstream."""

    ca: ReadableFile | None = Field(
        default=None,
        description="PEM file of the authorities that vouch for it. Default: the system's.",
        examples=["certs/internal-ca.pem"],
    )
    client_cert: ReadableFile | None = Field(
        default=None,
        description="PEM file of the certificate that the gateway presents.",
        examples=["certs/gateway.pem"],
    )
    client_key: ReadableFile | None = Field(
        default=None,
        description="PEM file of its key, where the certificate's own file does not hold it.",
        examples=["certs/gateway.key"],
    )
    server_name: ServerName | None = Field(
        default=None,
        description="The name that its certificate must have, where that is not the URL's host.",
        examples=["wiki.internal"],
    )


class UpstreamSettings(Table):
    """An app behind the gateway, by name."""

    urls: tuple[UpstreamUrl, ...] = Field(
        description="Where the app listens: URLs without a path, or unix:/path. Several share the load.",
        examples=[["https://10.0.0.5:3000", "https://10.0.0.6:3000"]],
    )
    audience: Word | None = Field(
        default=None,
        description="What assertions for it are addressed to. Default: its name.",
        examples=["wiki"],
    )
    resource: ResourceUri | None = Field(
        default=None,
        description="With forward_token on its routes: access tokens are asked for this resource (RFC 8707).",
        examples=["https://api.example.com/"],
    )
    exchange_audience: Word | None = Field(
        default=None,
        description="With forward_token on its routes: access tokens are exchanged for ones for this "
        "audience (RFC 8693).",
        examples=["wiki-api"],
    )
    identity: OwnIdentitySettings | None = Field(
        default=None,
        description="What it is told instead of [identity].",
        examples=[{"signature": "hmac-sha256"}],
    )
    signature_key: SharedSecret = Field(
        default=None,
        repr=False,
        description="The key of hmac-sha256, at least 32 bytes. Default: one made of `secret` for this "
        "audience, see `gateway keys export --upstream`.",
        examples=[{"file": "var/wiki.key"}],
    )
    preserve_host: StrictBool = Field(
        default=False, description="Send the browser's Host instead of the upstream's own (its first URL's)."
    )
    reuse: StrictBool = Field(
        default=True, description="Keep connections; false opens one a request, for apps you do not trust."
    )
    timeouts: TimeoutSettings = Field(default=written({}), description="How long it may stay silent.")
    balance: Literal["least_requests", "round_robin", "hash:user", "hash:ip"] = Field(
        default="least_requests",
        description="Which of several members gets a request: the least busy, each in turn, or always the "
        "same one for a user or for an address.",
    )
    health: HealthSettings | None = Field(
        default=None,
        description="What each member is asked regularly; one that is ill gets no requests.",
        examples=[{"path": "/healthz", "interval": "5s"}],
    )
    slow_start: DurationOrOff = Field(
        default=written("off"), description="How long a member that comes back takes to its full share."
    )
    limits: LimitSettings = Field(default=written({}), description="What each member is burdened with.")
    tls: UpstreamTlsSettings = Field(default=written({}), description="TLS towards it.")

"""`[redis]`: where it is, as whom it is asked, and whose certificates are believed."""

from collections.abc import Iterator

from pydantic import Field

from gateway.settings.fields import Word
from gateway.settings.files import ReadableFile
from gateway.settings.redis_url import RedisUrl, redis_address
from gateway.settings.references import ClientSecret
from gateway.settings.refusal import Finding
from gateway.settings.table import Table, written


class RedisTlsSettings(Table):
    """How servers prove who they are, and we to them; for `rediss` alone."""

    ca: ReadableFile | None = Field(
        default=None,
        description="PEM file of the authorities that vouch for the servers. Default: the system's.",
        examples=["certs/internal-ca.pem"],
    )
    client_cert: ReadableFile | None = Field(
        default=None,
        description="PEM file of the certificate that the gateway presents, where they ask for one.",
        examples=["certs/gateway.pem"],
    )
    client_key: ReadableFile | None = Field(
        default=None,
        description="PEM file of its key, where the certificate's own file does not hold it.",
        examples=["certs/gateway.key"],
    )

    @property
    def is_said(self) -> bool:
        return any((self.ca, self.client_cert, self.client_key))


class RedisSettings(Table):
    """Where sessions are kept with `session.store`, and requests counted with `rate_limit`, as "redis"."""

    url: RedisUrl = Field(
        default="redis://127.0.0.1:6379/0",
        description="redis://host:port/number, redis+sentinel://host:port,…/master/number or "
        "redis+cluster://host:port,…; with TLS, rediss in the place of redis.",
    )
    username: Word | None = Field(
        default=None,
        description="The user of its access list; without it, the default one.",
        examples=["gateway"],
    )
    password: ClientSecret = Field(
        default=None, description="The password, where it asks for one.", examples=[{"env": "REDIS_PASSWORD"}]
    )
    sentinel_username: Word | None = Field(
        default=None,
        description="The user of the Sentinels' own access list; without it, the default one.",
        examples=["gateway"],
    )
    sentinel_password: ClientSecret = Field(
        default=None,
        description="The password of the Sentinels, where they ask for one.",
        examples=[{"env": "SENTINEL_PASSWORD"}],
    )
    tls: RedisTlsSettings = Field(default=written({}), description="Certificates, for a URL with rediss.")


def redis_findings(redis: RedisSettings) -> Iterator[Finding]:
    """Yield what in *redis* contradicts itself."""
    for name in ("username", "sentinel_username"):
        password = name.replace("username", "password")
        if getattr(redis, name) is not None and getattr(redis, password) is None:
            yield Finding(
                path=("redis", name),
                message="is never sent without a password",
                suggestion=f'write {password} = {{ env = "NAME" }}, or leave it out',
                because=(("redis", password),),
            )
    if redis.tls.client_key is not None and redis.tls.client_cert is None:
        yield Finding(
            path=("redis", "tls", "client_key"),
            message="is of no use without client_cert",
            suggestion="write client_cert beside it",
            because=(("redis", "tls", "client_cert"),),
        )


def redis_cautions(redis: RedisSettings) -> Iterator[str]:
    """Yield what in *redis* may stand and is of no effect."""
    address = redis_address(redis.url)
    if redis.sentinel_password is not None and address.kind != "sentinel":
        yield "redis.sentinel_password has no effect: redis.url names no Sentinels"
    if redis.tls.is_said and not address.tls:
        yield 'redis.tls has no effect: redis.url does not begin with "rediss"'

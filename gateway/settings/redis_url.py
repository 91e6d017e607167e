"""The URL of a Redis: one server, plain or with TLS, and never a password."""

import re
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator

from gateway.settings.addresses import bare_host, is_loopback
from gateway.settings.refusal import Refused

_URL = re.compile(
    r"(?P<scheme>rediss?)://(?P<host>\[[0-9a-f:.]+\]|[^/?#@:\[\]]+)(?::(?P<port>[0-9]{1,5}))?"
    r"(?:/(?P<number>[0-9]{1,5})?)?"
)
_FORM = 'write it as "redis://host:6379/0", or with TLS as "rediss://host:6379/0"'


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisAddress:
    """One Redis server, taken apart. `host` is bare, `number` that of the database in it."""

    tls: bool
    host: str
    port: int
    number: int

    @property
    def is_near(self) -> bool:
        """Whether what is sent there stays on this machine or is encrypted."""
        return self.tls or is_loopback(self.host)


def redis_address(text: str) -> RedisAddress:
    """Take apart the URL of one Redis server; raise Refused, never repeating a password."""
    scheme = text.partition("://")[0]
    if scheme in ("redis+sentinel", "redis+cluster"):
        raise Refused("names a Sentinel or a Cluster, and only a single server is served so far", _FORM)
    if "@" in text:
        raise Refused("must not hold a user name or password", 'write [redis] password = { env = "NAME" }')
    found = _URL.fullmatch(text)
    if not found:
        raise Refused("is not the URL of a Redis server", _FORM)
    port = int(found["port"] or 6379)
    if not 1 <= port <= 65535:
        raise Refused("has a port outside 1 to 65535")
    return RedisAddress(
        tls=found["scheme"] == "rediss",
        host=bare_host(found["host"]),
        port=port,
        number=int(found["number"] or 0),
    )


def _redis_url(text: str) -> str:
    redis_address(text)
    return text


RedisUrl = Annotated[str, AfterValidator(_redis_url)]

"""The URL of a Redis: one server, Sentinels or a Cluster, plain or with TLS, and never a password."""

import re
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import AfterValidator

from gateway.settings.addresses import Address, bare_host
from gateway.settings.refusal import Refused

Kind = Literal["server", "sentinel", "cluster"]

_URL = re.compile(
    r"(?P<tls>rediss?)(?:\+(?P<kind>sentinel|cluster))?://(?P<hosts>[^/?#@]+)(?P<path>(?:/[^?#]*)?)"
)
_HOST = re.compile(r"(?P<host>\[[0-9a-f:.]+\]|[^,/?#@:\[\]]+)(?::(?P<port>[0-9]{1,5}))?")
_PATHS: dict[Kind, re.Pattern[str]] = {
    "server": re.compile(r"(?:/(?P<number>[0-9]{1,5})?)?"),
    "sentinel": re.compile(r"/(?P<master>[A-Za-z0-9._-]+)(?:/(?P<number>[0-9]{1,5})?)?"),
    "cluster": re.compile(r"/?(?P<number>)"),
}
_FORMS: dict[Kind, str] = {
    "server": 'write it as "redis://host:6379/0", or with TLS as "rediss://host:6379/0"',
    "sentinel": 'write it as "redis+sentinel://host:26379,host:26379/name-of-the-master/0"',
    "cluster": 'write it as "redis+cluster://host:6379,host:6379"; a cluster has no numbered databases',
}
_KINDS: dict[str | None, Kind] = {None: "server", "sentinel": "sentinel", "cluster": "cluster"}
_PORTS: dict[Kind, int] = {"server": 6379, "sentinel": 26379, "cluster": 6379}


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisAddress:
    """A Redis, taken apart. `hosts` are bare: the server itself, Sentinels, or nodes of a cluster.

    `master` is the name that Sentinels know it by, `number` that of the database in it.
    """

    kind: Kind
    tls: bool
    hosts: tuple[Address, ...]
    number: int = 0
    master: str = ""

    @property
    def is_near(self) -> bool:
        """Whether what is sent there stays on this machine or is encrypted."""
        return self.tls or not any(host.beyond_loopback for host in self.hosts)


def redis_address(text: str) -> RedisAddress:
    """Take apart the URL of a Redis; raise Refused, never repeating a password."""
    if "@" in text:
        raise Refused("must not hold a user name or password", 'write [redis] password = { env = "NAME" }')
    found = _URL.fullmatch(text)
    if not found:
        raise Refused("is not the URL of a Redis", _FORMS["server"])
    kind = _KINDS[found["kind"]]
    path = _PATHS[kind].fullmatch(found["path"])
    hosts = tuple(_host(each, kind) for each in found["hosts"].split(","))
    if not path or (kind == "server" and len(hosts) > 1):
        raise Refused(f"is not the URL of a Redis {kind}", _FORMS[kind])
    return RedisAddress(
        kind=kind,
        tls=found["tls"] == "rediss",
        hosts=hosts,
        number=int(path["number"] or 0),
        master=path["master"] if kind == "sentinel" else "",
    )


def _host(text: str, kind: Kind) -> Address:
    found = _HOST.fullmatch(text)
    if not found:
        raise Refused(f"is not the URL of a Redis {kind}", _FORMS[kind])
    port = int(found["port"] or _PORTS[kind])
    if not 1 <= port <= 65535:
        raise Refused("has a port outside 1 to 65535")
    return Address(host=bare_host(found["host"]), port=port)


def _redis_url(text: str) -> str:
    redis_address(text)
    return text


RedisUrl = Annotated[str, AfterValidator(_redis_url)]

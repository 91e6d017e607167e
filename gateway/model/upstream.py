"""Upstreams: the apps behind, where each of them listens, and what is to be expected there."""

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Seconds: until connected, until the first byte of the answer, between bytes."""

    connect: float = 5.0
    first_byte: float = 60.0
    idle: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One place where an app listens: a bare `host` (no brackets) and `port`, or a Unix `socket`'s path."""

    host: str = ""
    port: int = 0
    tls: bool = False
    socket: str = ""

    @property
    def authority(self) -> str:
        """The `Host` that is expected there: the port only where it is not the default."""
        if self.socket:
            return "localhost"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.tls else 80) else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """The member as the configuration spells it, by which logs and metrics call it."""
        return f"unix:{self.socket}" if self.socket else f"http{'s' * self.tls}://{self.authority}"


class Balance(StrEnum):
    """Which of several members a request goes to."""

    LEAST_REQUESTS = "least_requests"
    ROUND_ROBIN = "round_robin"
    HASH_USER = "hash:user"
    HASH_IP = "hash:ip"


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """What a member is asked to find out whether it works; seconds between questions, and for an answer."""

    path: str
    interval: float
    timeout: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How many connections each member may have, and how many requests may wait for one."""

    connections: int = 256
    queue: int = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """Whom members are verified by, and as whom we present ourselves; paths of PEM files, empty for none.

    `server_name` is what their certificates must name, empty where it is the host. `digest` is that of
    what the files hold: with other contents it is another trust.
    """

    ca: str = ""
    client_cert: str = ""
    client_key: str = ""
    server_name: str = ""
    digest: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Upstream:
    """Where requests go. `audience` names it in assertions.

    `reuse` false gives every request a connection of its own, for upstreams that are not trusted.
    `slow_start` is the seconds over which a member that comes back is given its full share.
    """

    name: str
    members: tuple[Member, ...]
    audience: str
    preserve_host: bool = False
    reuse: bool = True
    timeouts: Timeouts = Timeouts()
    balance: Balance = Balance.LEAST_REQUESTS
    health: Health | None = None
    slow_start: float = 0.0
    limits: Limits = Limits()
    trust: Trust = Trust()

    @property
    def authority(self) -> str:
        """The `Host` that all members get, which is the first one's."""
        return self.members[0].authority

    @property
    def tls(self) -> bool:
        """Whether that member is reached by TLS."""
        return self.members[0].tls

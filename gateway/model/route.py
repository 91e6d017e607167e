"""Routes, compiled once at start and matched by every request."""

from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network
from typing import Literal

from gateway.model.bearer import Bearer
from gateway.model.proof import Demand
from gateway.model.upstream import Upstream


class Access(StrEnum):
    AUTHENTICATED = "authenticated"
    OPTIONAL = "optional"
    PUBLIC = "public"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Conditions on who calls: any one value inside a key, all keys together; empty = no rule."""

    roles: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    emails: frozenset[str] = frozenset()
    email_domains: frozenset[str] = frozenset()
    users: frozenset[str] = frozenset()
    networks: tuple[IPv4Network | IPv6Network, ...] = ()
    claims: tuple[tuple[str, frozenset[str]], ...] = ()


class RequestAlgorithm(StrEnum):
    """How a request to an upstream is signed, as RFC 9421 6.2.2 names it."""

    HMAC_SHA256 = "hmac-sha256"
    ED25519 = "ed25519"


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityHeaders:
    """How an upstream is told who calls: (header, field) pairs, and the assertion's header.

    A field is `id email name image roles groups provider` or `claims.<name>`; `assertion` is None
    where it is off, and so is `signature` where requests are not signed.
    """

    headers: tuple[tuple[str, str], ...]
    assertion: str | None
    signature: RequestAlgorithm | None = None


class Forwarded(StrEnum):
    ACCESS_TOKEN = "access_token"  # noqa: S105 - the word of a key
    ID_TOKEN = "id_token"  # noqa: S105


class OnRefreshError(StrEnum):
    """What becomes of a request whose token cannot be had: it goes on with what there is, its caller is
    asked to sign in again, or it is refused."""

    KEEP = "keep"
    LOGIN = "login"
    DENY = "deny"


@dataclass(frozen=True, slots=True, kw_only=True)
class Forwarding:
    """Which token of the caller's issuer an upstream is given, and in which header.

    `scheme` is None where the header is the token alone. With `resource` the access token is asked for
    it (RFC 8707); with `audience` it is exchanged for one made for that, and for `resource` (RFC 8693).
    """

    token: Forwarded
    header: str = "Authorization"
    scheme: str | None = "Bearer"
    on_error: OnRefreshError = OnRefreshError.LOGIN
    resource: str | None = None
    audience: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """So many `requests` in `per` seconds from one caller, who is told by user or else address, or by
    address alone, or from all callers of the route; `shared` with all nodes, or counted by each alone."""

    requests: int
    per: float
    by: Literal["user", "address", "route"] = "user"
    shared: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WebSocketTerms:
    """On what terms a WebSocket is carried: how many bytes a `message` of the client's may hold, how many of
    its `frames` may begin in a second, for how many seconds nothing may move (`idle`), and after how many
    without anything the client is asked whether it is there (`ping`). None is without such a limit, and
    without pings."""

    message: int | None = 4 * 1024 * 1024
    frames: int | None = 1000
    idle: float | None = 300.0
    ping: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One rule of the gateway: what it governs, who may pass, and where it leads.

    `name` labels logs and metrics. `host` is exact, `*.example.com`, or None for any; `path` is a
    prefix that ends at a segment. `asks_for_roles` means that roles are read from the database at
    each request (BEHAVIOUR 1). `own_origin` refuses what another site makes a browser send with our cookie,
    unless it only asks. `allow_in_path` holds spellings that are refused elsewhere. `websocket`
    lets a connection leave HTTP, on `websocket_terms`; elsewhere a wish to do so is dropped. `demand` is how
    recent and how strong the caller's proof of who they are must be, `forwarding` which token of their
    issuer goes along, `bearer` which tokens are taken in the place of a session. `plain` says that `access`
    is the whole rule; the table sets it. `upstream` is None where a proxy in front sends the requests and
    asks us about each (forward-auth). `audience` is whom assertions are addressed to: empty, the upstream's,
    or without one the origin asked.
    """

    name: str
    host: str | None
    path: str
    upstream: Upstream | None
    audience: str = ""
    access: Access = Access.AUTHENTICATED
    allow: Rules = Rules()
    deny: Rules = Rules()
    demand: Demand | None = None
    asks_for_roles: bool = False
    methods: frozenset[str] | None = None
    own_origin: bool = False
    strip_prefix: bool = False
    max_body: int | None = None
    allow_in_path: frozenset[str] = frozenset()
    websocket: bool = False
    websocket_terms: WebSocketTerms = WebSocketTerms()
    rate: Rate | None = None
    identity: IdentityHeaders = IdentityHeaders(headers=(), assertion=None)
    forwarding: Forwarding | None = None
    bearer: Bearer | None = None
    plain: bool = field(default=False, compare=False)


def covers(prefix: str, path: str) -> bool:
    """Say whether *prefix* governs *path*: `/app` covers `/app` and `/app/x`, never `/apple`."""
    return path == prefix or path.startswith(prefix.rstrip("/") + "/")

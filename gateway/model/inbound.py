"""A request as we understood it: the one canonical form that every later stage reads."""

import msgspec
from msgspec.structs import replace

RawHeaders = tuple[tuple[bytes, bytes], ...]

UNIX_PEER = "unix:"
"""How the peer of a Unix socket is called, which has no address."""


class Notes:
    """What a stage worked out from a head's fields and its connection alone; `size` is what the fields
    take on the wire.

    Clients repeat their fields from request to request: a connection that sees the same ones again
    hands on the same notes, and the work is done once. Nothing that depends on the time, the target
    or the session may be noted.
    """

    __slots__ = ("cookies", "outbound_lines", "size", "unauthorized_lines")

    def __init__(self, *, size: int = 0) -> None:
        self.size = size
        self.cookies: tuple[bytes, ...] | None = None
        self.outbound_lines: bytes | None = None
        self.unauthorized_lines: bytes | None = None


class Inbound(msgspec.Struct, frozen=True, kw_only=True):
    """A validated request (RFC 9112). Nobody later reads the raw form again.

    `target` is the origin-form as it came, forwarded byte for byte; `path` is its path decoded
    exactly once, for matching only; `query` the raw bytes after `?`, without it (None: no `?`).
    `host` is canonical (lower case, no trailing dot, no default port, any other port kept:
    `localhost:8080`); `hostname` is the same without a port. `headers` are raw names and
    values in order, optional white space trimmed. `length` is the declared body length, None
    where there is none declared; `chunked` is the other framing. `spellings` are the relaxable
    spellings found in the path (`%2f`, `//`, `;`). `peer` is the socket's address or `UNIX_PEER`, `client_ip`
    the caller's after trusted proxies; `scheme` and `host` likewise.
    `websocket` says that the connection is to become one (RFC 6455 4.1). `client_cert` is the lines that tell
    of the certificate that was shown on the connection, empty where none was.
    `forwarded_for` is the chain to pass on, already vetted, without `peer`; `notes` belong to
    `headers`. A struct, since one is made for every request and a frozen dataclass costs four
    times as much to fill.
    """

    method: str
    target: bytes
    path: str
    query: bytes | None
    host: str
    scheme: str
    headers: RawHeaders
    peer: str
    client_ip: str
    request_id: str
    version: tuple[int, int] = (1, 1)
    length: int | None = None
    chunked: bool = False
    expects_continue: bool = False
    navigation: bool = False
    wants_html: bool = False
    spellings: frozenset[str] = frozenset()
    forwarded_for: tuple[str, ...] = ()
    traceparent: str | None = None
    websocket: bool = False
    client_cert: bytes = b""
    notes: Notes = msgspec.field(default_factory=Notes)

    @property
    def has_body(self) -> bool:
        return self.chunked or bool(self.length)

    def outline(self) -> "Inbound":
        """Return what is still told of the request once it was served: all but its fields."""
        return replace(self, headers=(), notes=Notes(), forwarded_for=(), client_cert=b"")

    @property
    def hostname(self) -> str:
        if self.host.startswith("["):
            return self.host[: self.host.index("]") + 1]
        return self.host.partition(":")[0]

    @property
    def cookies(self) -> tuple[bytes, ...]:
        """The values of the `Cookie` lines, in order."""
        noted = self.notes.cookies
        if noted is None:
            noted = self.notes.cookies = tuple(self.values(b"cookie"))
        return noted

    def values(self, name: bytes) -> list[bytes]:
        """Return every value of the header *name* (given in lower case), in order."""
        return [value for key, value in self.headers if key.lower() == name]

"""What the front door holds at most: every size, count and time has a bound."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Sizes in bytes, times in seconds.

    `head` bounds request line and fields together, `head_time` how long they may take to arrive,
    `keepalive` how long a connection may idle between requests, `body_idle` and `write_idle` how
    long either direction may stand still; `body_rate` is the least that a body comes with, in bytes
    a second, after `body_grace`; `framing` what a chunked body may say beside its bytes: chunk
    extensions, trailers; `linger_*` what is still read after a refusal, so that the client sees the
    answer before the reset; `pipelined` how many requests wait in line. `connections` is how many clients may
    be there, `connections_per_peer` how many of one address that is no trusted proxy's, None for any number;
    `handshake_time` is how long each of what comes before HTTP may take: a PROXY header, a TLS handshake.
    """

    request_line: int = 8 * 1024
    field: int = 16 * 1024
    head: int = 32 * 1024
    fields: int = 100
    head_time: float = 10.0
    keepalive: float = 60.0
    body_idle: float = 30.0
    body_grace: float = 10.0
    body_rate: int = 256
    framing: int = 8 * 1024
    write_idle: float = 60.0
    linger_time: float = 1.0
    linger_bytes: int = 256 * 1024
    pipelined: int = 8
    handshake_time: float = 10.0
    connections: int = 65_536
    connections_per_peer: int | None = None

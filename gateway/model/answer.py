"""An answer of our own: small, whole, and written by the same hand as a relayed one."""

from dataclasses import dataclass

from gateway.model.inbound import RawHeaders


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Status, raw headers and a whole body. The writer adds framing (`Content-Length`) and `Date`.

    `close` asks for the connection to end after this answer.
    """

    status: int
    headers: RawHeaders = ()
    body: bytes = b""
    close: bool = False

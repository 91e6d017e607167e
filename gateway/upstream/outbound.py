"""A request as it goes to an upstream, and what requests that are alike have in common."""

from collections.abc import Callable

import msgspec

from gateway.upstream.assertion import Held


class Outbound(msgspec.Struct, frozen=True, kw_only=True):
    """A request as it goes to the upstream.

    `head` runs from the request line to the empty line. The body that follows has `length` bytes,
    or is `chunked`; neither: there is none. `upgrade` asks for a WebSocket. Requests of one `affinity`
    go to the same member, where the upstream's members are chosen by it. `anew` makes the same request
    once more where its head serves but once.
    """

    method: str
    head: bytes
    length: int | None = None
    chunked: bool = False
    upgrade: bool = False
    affinity: str = ""
    anew: Callable[[], "Outbound"] | None = None

    @property
    def has_body(self) -> bool:
        return self.chunked or bool(self.length)

    def repeated(self) -> "Outbound":
        """Return what is sent if this has to be sent again: no signature goes out twice."""
        return self if self.anew is None else self.anew()


class Mould(msgspec.Struct, frozen=True, kw_only=True):
    """A head as it goes to the upstream, but for the ids that each request has of its own.

    They stand between *before* and *after*, in which *asserted* is told, where anything is asserted.
    """

    method: str
    before: bytes
    after: bytes
    asserted: Held | None
    traceparent: str | None
    length: int | None
    affinity: str

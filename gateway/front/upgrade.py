"""A request that was answered by 101, until its connection is over.

The law: of the request nothing is kept but what its log line will say and what it is judged by meanwhile,
for that may be hours, and of such connections there may be thousands.
"""

from collections.abc import Callable
from typing import Protocol

from gateway.errors import GatewayError, StoreUnavailable
from gateway.flows.live import Stay
from gateway.front.frames import POLICY, TRY_AGAIN
from gateway.front.limits import Limits
from gateway.front.tunnel import Tunnel
from gateway.model.route import WebSocketTerms
from gateway.passage import Passage

Ended = Callable[[Passage, BaseException | None], None]


class Watch(Protocol):
    """Watches over what lasts."""

    def enter(self, stay: Stay) -> None: ...
    def leave(self, stay: Stay) -> None: ...


class Upgrade:
    """Keeps the `tunnel` of *passage* open for as long as its caller would be let in, and tells *ended* once
    it is over."""

    __slots__ = ("_ended", "_passage", "_stay", "_watch", "tunnel")

    def __init__(self, passage: Passage, *, watch: Watch, limits: Limits, ended: Ended) -> None:
        self._passage = passage
        self._watch = watch
        self._ended = ended
        self._stay = stay_of(passage, self._dismiss)
        terms = WebSocketTerms() if passage.route is None else passage.route.websocket_terms
        self.tunnel = Tunnel(terms=terms, limits=limits, over=self._over)

    def begin(self, early: bytes, said: bytes) -> None:
        """Carry bytes from now on, as `Tunnel.begin`: the head is written, both ends are connected."""
        passage = self._passage
        passage.inbound = passage.inbound and passage.inbound.outline()
        passage.leave = ()
        if self._stay is not None:
            self._watch.enter(self._stay)
        self.tunnel.begin(early, said)

    def _dismiss(self, why: str) -> None:
        self._passage.reason = why
        self.tunnel.dismiss(TRY_AGAIN if why == StoreUnavailable.code else POLICY)

    def _over(self, error: BaseException | None) -> None:
        passage = self._passage
        if self._stay is not None:
            self._watch.leave(self._stay)
        passage.sent = self.tunnel.sent
        passage.reason = self.tunnel.refusal or passage.reason
        if isinstance(error, GatewayError):
            passage.code = error.code
        self._ended(passage, error)


def stay_of(passage: Passage, end: Callable[[str], None]) -> Stay | None:
    """Return what is watched over while the answer to *passage* lasts, None where nobody was asked who."""
    route, session, inbound = passage.route, passage.session, passage.inbound
    if session is None or route is None or inbound is None:
        return None
    return Stay(
        route=route,
        session=session,
        method=inbound.method,
        client_ip=inbound.client_ip,
        request_id=passage.request_id,
        end=end,
        cookies=inbound.cookies,
    )

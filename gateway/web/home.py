"""Logins live on the host of `public_url`: its `redirect_uri` and the transaction's cookie name it.

Whoever asks for one of its pages on another host of ours is led there first, the way back kept.
"""

from collections.abc import Awaitable, Callable, Sequence
from urllib.parse import urlencode

from gateway.flows.targets import ReturnTargets
from gateway.model.answer import Answer
from gateway.web.destination import NAMES, destination
from gateway.web.hints import NAMES as HINTS
from gateway.web.purpose import ROUTE
from gateway.web.query import Fields
from gateway.web.replies import Replies
from gateway.web.visit import Visit

Handler = Callable[[Visit], Awaitable[Answer]]
_KEPT = ("remember", *HINTS, ROUTE)


class Home:
    """Knows the way to the host where logins live. *public_url* is its origin, *prefix* ours there."""

    def __init__(self, *, targets: ReturnTargets, replies: Replies, public_url: str, prefix: str) -> None:
        self._targets = targets
        self._replies = replies
        self._origin = public_url.rstrip("/")
        self._prefix = prefix

    def is_here(self, visit: Visit) -> bool:
        """Say whether *visit* came to that host, or to one that no route names."""
        return self._targets.is_home(visit.inbound.host)

    def signin(self, visit: Visit, fields: Fields) -> str:
        """Return the address that starts there what *fields* ask for here. Raises TargetRefused."""
        host = visit.inbound.host
        return_to = destination(fields, self._targets, host=host) or f"{self._targets.origin(host)}/"
        kept = [pair for pair in (*visit.query.pairs, *fields.pairs) if pair[0] in _KEPT]
        query = urlencode({**dict(kept), NAMES[0]: return_to})
        tail = f"/{visit.tail}" if visit.tail else ""
        return f"{self._origin}{self._prefix}/signin{tail}?{query}"

    def address(self, visit: Visit, pairs: Sequence[tuple[str, str]]) -> str:
        """Return the address there of the page that *visit* came to, with *pairs* for its query."""
        return f"{self._origin}{visit.inbound.path}?{urlencode(pairs)}"

    def starts(self, handler: Handler) -> Handler:
        """Return *handler* for a page that starts a login, served at home only."""

        async def served(visit: Visit) -> Answer:
            if self.is_here(visit):
                return await handler(visit)
            return self._replies.redirect(self.signin(visit, visit.query), status=302)

        return served

    def only(self, handler: Handler) -> Handler:
        """Return *handler* for a page that is served at home only, under the same address there."""

        async def served(visit: Visit) -> Answer:
            if self.is_here(visit):
                return await handler(visit)
            return self._replies.redirect(self._origin + visit.inbound.target.decode("ascii"), status=302)

        return served

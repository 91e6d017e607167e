"""Forward-auth: a proxy in front asks about a request that it then sends itself, or not.

The law: `Pipeline.authorize` decides and nothing else does. 200 is the one answer by which a request
passes, and it tells the proxy exactly what an upstream of ours would be told of the caller.
"""

from collections.abc import Mapping
from typing import Protocol

from gateway.errors import (
    GatewayError,
    LoginRequired,
    MethodRefused,
    NoSuchPage,
    ProxyUntrusted,
    RequestRejected,
    StepUpRequired,
)
from gateway.model.answer import Answer
from gateway.model.inbound import Inbound, RawHeaders
from gateway.model.original import Original
from gateway.passage import Passage
from gateway.web.errors import ErrorPages, explaining
from gateway.web.own_paths import OwnPaths
from gateway.web.replies import Replies

_DENIED = "deny"
_ASKED_WITH = ("GET", "HEAD")


class Originals(Protocol):
    """Reads what is asked about."""

    def is_asked(self, asking: Inbound) -> bool: ...
    def read(self, asking: Inbound) -> Original: ...


class Vouching(Protocol):
    """Decides about a request that somebody else sends."""

    async def vouch(self, passage: Passage, inbound: Inbound) -> RawHeaders: ...


class Events(Protocol):
    """The log, where an operator finds out why every question of a proxy is refused."""

    def event(self, level: str, name: str, facts: Mapping[str, object]) -> None: ...


class ForwardAuth:
    """Answers proxies in front. *path* is where they ask."""

    def __init__(
        self,
        *,
        path: str,
        originals: Originals,
        pipeline: Vouching,
        own: OwnPaths,
        errors: ErrorPages,
        replies: Replies,
        events: Events,
    ) -> None:
        self._path = path
        self._originals = originals
        self._pipeline = pipeline
        self._own = own
        self._errors = errors
        self._replies = replies
        self._events = events

    def is_asked(self, inbound: Inbound) -> bool:
        """Say whether *inbound* is a question about another request, in whatever form."""
        return self._originals.is_asked(inbound)

    async def answer(self, asking: Inbound, passage: Passage) -> Answer:
        """Return 200 where the request may pass, or the way to sign in; raise every other refusal.

        From here on *passage* is about the request that was asked about: so are its log line, its
        counters and every answer to it.
        """
        if asking.path == self._path and asking.method not in _ASKED_WITH:
            raise MethodRefused(asking.method, allow=_ASKED_WITH)
        original = self._read(asking, passage)
        passage.inbound = original.inbound
        if self._own.cover(original.inbound.path):
            raise NoSuchPage("our own pages are asked for here, not asked about")
        try:
            return self._replies.told(await self._pipeline.vouch(passage, original.inbound))
        except (LoginRequired, StepUpRequired) as error:
            if not original.inbound.navigation:
                raise
            return self._led(error, original)
        finally:
            # nginx hands on one Set-Cookie. A session of which one piece is replaced is none; one whose
            # cookies stay as they were is renewed at the next request.
            if original.by_status and len(passage.leave) > 1:
                passage.leave = ()

    def _read(self, asking: Inbound, passage: Passage) -> Original:
        try:
            return self._originals.read(asking)
        except (ProxyUntrusted, RequestRejected) as error:
            passage.decision, passage.reason = _DENIED, _reason(error)
            facts = {"request_id": asking.request_id, "peer": asking.peer, "detail": str(error)}
            self._events.event("warning", "forward_auth.refused", facts)
            raise

    def _led(self, error: LoginRequired | StepUpRequired, original: Original) -> Answer:
        """Return the way to sign in as the proxy can pass it on: the browser's redirect, or its address."""
        location = self._errors.way_in(original.inbound, error.route)
        if not original.by_status:
            return self._replies.redirect(location, status=302)
        return self._replies.redirect(location, status=error.status, headers=explaining(error))


def _reason(error: GatewayError) -> str:
    return "proxy" if isinstance(error, ProxyUntrusted) else "original"

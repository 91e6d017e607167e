"""Forward-auth of a gateway without routes, for tests that are about other pages."""

from collections.abc import Callable, Mapping

from gateway.admission import Admission
from gateway.flows.resume import Resume
from gateway.front.forwarded import TrustedProxies
from gateway.front.inbound import Receiver
from gateway.front.limits import Limits
from gateway.front.original import Originals
from gateway.pipeline import Pipeline
from gateway.routing.table import Table
from gateway.web.errors import ErrorPages
from gateway.web.forward_auth import ForwardAuth
from gateway.web.own_paths import OwnPaths
from gateway.web.replies import Replies
from tests.fakes.dressing import dresser

PATH = "/.gateway/auth"


class Unheard:
    def event(self, level: str, name: str, facts: Mapping[str, object]) -> None:
        """Nobody reads this log."""


def receiver(proxies: TrustedProxies) -> Receiver:
    """Return a receiver of every host, behind *proxies*."""
    return Receiver(
        scheme="https", serves=lambda _: True, proxies=proxies, limits=Limits(), next_id=lambda: "req-1"
    )


def forward_auth(
    *, errors: ErrorPages, replies: Replies, resume: Resume, clock: Callable[[], float]
) -> ForwardAuth:
    nobody = TrustedProxies(())
    return ForwardAuth(
        path=PATH,
        originals=Originals(receiver(nobody), proxies=nobody, base=PATH),
        pipeline=Pipeline(
            admission=Admission(table=Table(()), resume=resume, clock=clock),
            dresser=dresser(),
            pools={},
            monotonic=clock,
        ),
        own=OwnPaths("/.gateway"),
        errors=errors,
        replies=replies,
        events=Unheard(),
    )

"""What is known of a request on its way, and read by whoever answers it or tells of it."""

import msgspec

from gateway.model.inbound import Inbound
from gateway.model.route import Rate, Route
from gateway.model.session import Session
from gateway.routing.rate import Verdict


class Passage(msgspec.Struct, kw_only=True, eq=False):
    """What is known of one request so far; its log line and every answer to it read this.

    `leave` are the Set-Cookie values that any answer carries, `quota` what its caller may still ask where
    the route counts, `decision` is `pass`, `login`, `step_up`,
    `deny` or empty before the decision, `ours` marks a page of our own, `person` that somebody reads what
    is answered where there is no `inbound`, `sent` counts body bytes, times are seconds. A struct, since
    every request makes one.
    """

    request_id: str
    peer: str
    started: float
    inbound: Inbound | None = None
    route: Route | None = None
    session: Session | None = None
    leave: tuple[bytes, ...] = ()
    quota: tuple[Rate, Verdict] | None = None
    decision: str = ""
    reason: str = ""
    code: str = ""
    ours: bool = False
    person: bool = False
    status: int = 0
    sent: int = 0
    upstream_seconds: float | None = None

"""Where a client asks to go afterwards: `return_to`, or `callbackUrl` as Auth.js clients call it."""

from gateway.errors import RequestRejected
from gateway.flows.targets import ReturnTargets
from gateway.web.query import Fields

NAMES = ("return_to", "callbackUrl")


def destination(fields: Fields, targets: ReturnTargets, *, host: str) -> str | None:
    """Return the checked target in *fields* of a request to *host*, None where none is named.

    A target that fails is refused here and now (rule R), so what a login ends on is always a
    checked value, and `/` where no target was named (rule B24). Raises TargetRefused, and
    RequestRejected where more than one is named.
    """
    named = [value for name, value in fields.pairs if name in NAMES]
    if len(named) > 1:
        raise RequestRejected("more than one return target")
    return targets.check(named[0], host=host) if named else None

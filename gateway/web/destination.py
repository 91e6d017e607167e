"""Where a client asks to go afterwards: `return_to`, or `callbackUrl` as Auth.js clients call it."""

from gateway.errors import RequestRejected
from gateway.flows.targets import ReturnTargets
from gateway.web.query import Fields

_NAMES = ("return_to", "callbackUrl")


def destination(fields: Fields, targets: ReturnTargets) -> str | None:
    """Return the checked target in *fields*, None where none is named.

    A target that fails is refused here and now (rule R), so what a login ends on is always a
    checked value, and `/` where no target was named (rule B24). Raises TargetRefused, and
    RequestRejected where more than one is named.
    """
    named = [value for name, value in fields.pairs if name in _NAMES]
    if len(named) > 1:
        raise RequestRejected("more than one return target")
    return targets.check(named[0]) if named else None

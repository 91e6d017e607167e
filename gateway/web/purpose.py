"""What a sign-in is for: where it ends, and the route whose demand for proof it has to meet.

The route is named by our own redirects. A client that names one asks itself for more, never for
less: the route decides again when the browser is back.
"""

from dataclasses import dataclass

from gateway.flows.resume import Resume
from gateway.flows.step_up import StepUps
from gateway.flows.targets import ReturnTargets
from gateway.model.login import StepUp
from gateway.model.session import Session
from gateway.web.destination import destination
from gateway.web.query import Fields
from gateway.web.visit import Visit

ROUTE = "route"


@dataclass(frozen=True, slots=True, kw_only=True)
class Purpose:
    """`return_to` is a checked target, None where none was named; `route` is empty where nothing is
    demanded. `session` is that of whoever has to prove once more who they are, by `step_up`."""

    return_to: str | None
    route: str = ""
    session: Session | None = None
    step_up: StepUp | None = None

    def step_up_at(self, provider_id: str) -> StepUp | None:
        """Return the step-up where *provider_id* is who vouched for the session; elsewhere a login is one."""
        return self.step_up if self.session is not None and self.session.provider == provider_id else None

    def persists(self, fields: Fields) -> bool:
        """Say whether the session to come outlives the browser: by *fields*, or as the one it replaces."""
        return fields.one("remember") != "false" if self.session is None else self.session.persistent


def sign_in_again(signin: str, session: Session) -> str:
    """Return *signin*, an address with a query, so that the login there lasts no longer than *session*."""
    return signin if session.persistent else f"{signin}&remember=false"


class Purposes:
    """Reads purposes from requests."""

    def __init__(self, *, step_ups: StepUps, resume: Resume, targets: ReturnTargets) -> None:
        self._step_ups = step_ups
        self._resume = resume
        self._targets = targets

    async def of(self, visit: Visit, fields: Fields) -> Purpose:
        """Return what *fields* of *visit* ask for.

        Raises TargetRefused, RequestRejected, StoreUnavailable.
        """
        return_to = destination(fields, self._targets, host=visit.inbound.host)
        route = fields.one(ROUTE) or ""
        if self._step_ups.demand(route) is None:
            return Purpose(return_to=return_to)
        session = await self._resume.live(visit.inbound)
        step_up = self._step_ups.due(session, route)
        return Purpose(
            return_to=return_to, route=route, session=session if step_up else None, step_up=step_up
        )

    def in_vain(self, purpose: Purpose) -> bool:
        """Say whether a password cannot meet what is demanded: nothing vouches for how it was given."""
        session = purpose.session
        return session is not None and self._step_ups.weaker(session, purpose.route)

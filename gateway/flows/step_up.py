"""Step-up: somebody signed in proves once more who they are, as recently and as strongly as a route
demands (RFC 9470).

Laws: what is demanded is what the configuration says of the route, whatever a client says; only the
user who set out may come back, and their session stands until they do; an answer that falls short
ends there. An issuer that overlooked `max_age` is told once to ask anew (`prompt=login`), never twice.
"""

from collections.abc import Mapping

from gateway.errors import ProofTooOld, ProofTooWeak, StepUpFailed
from gateway.model.event import Clock
from gateway.model.identity import VerifiedLogin
from gateway.model.login import StepUp
from gateway.model.proof import Demand, Proof, aged
from gateway.model.session import Session

_FAILURES: Mapping[str, type[StepUpFailed]] = {"max_auth_age": ProofTooOld, "acr_values": ProofTooWeak}


class StepUps:
    """Knows what proof routes demand, by their names."""

    def __init__(self, demands: Mapping[str, Demand], *, clock: Clock) -> None:
        self._demands = demands
        self._clock = clock

    def demand(self, route: str) -> Demand | None:
        """Return what the route of that name demands, None where it demands nothing or there is none."""
        return self._demands.get(route)

    def due(self, session: Session | None, route: str) -> StepUp | None:
        """Return what the user of *session* has to prove for *route*, None where nothing is missing."""
        demand = self._demands.get(route)
        if session is None or demand is None:
            return None
        if not demand.shortfall(session.proof(now=self._clock())):
            return None
        return StepUp(user_id=session.identity.user_id, route=route)

    def weaker(self, session: Session, route: str) -> bool:
        """Say whether *session* falls short of *route* in strength, which time does not mend."""
        demand = self._demands.get(route)
        return demand is not None and bool(demand.acr_values) and session.acr not in demand.acr_values

    def insistent(self, step_up: StepUp, login: VerifiedLogin) -> bool:
        """Say whether the issuer has to be told to ask the person: it remembered them, or does not say."""
        return not step_up.insisted and self._shortfall(step_up, login) == "max_auth_age"

    def check(self, step_up: StepUp, login: VerifiedLogin) -> None:
        """Raise the kind of StepUpFailed by which *login* falls short of what *step_up* is for."""
        missing = self._shortfall(step_up, login)
        if missing:
            raise _FAILURES[missing](f"after a step-up the login still falls short of {missing}")

    def _shortfall(self, step_up: StepUp, login: VerifiedLogin) -> str:
        demand = self._demands.get(step_up.route)
        if demand is None:  # the route is no more, or asks no more
            return ""
        proof = Proof(age=aged(login.authenticated_at, now=self._clock()), acr=login.acr)
        return demand.shortfall(proof)

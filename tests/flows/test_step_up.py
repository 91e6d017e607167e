"""What a step-up is for, when the issuer is told to insist, and which answers fall short."""

from dataclasses import replace

import pytest

from gateway.errors import ProofTooOld, ProofTooWeak, StepUpFailed
from gateway.flows.step_up import StepUps
from gateway.model.identity import VerifiedLogin
from gateway.model.login import StepUp
from gateway.model.proof import Demand
from tests.fakes.clock import FakeClock
from tests.fakes.dressing import session

CLOCK = FakeClock()
NOW = int(CLOCK())
STEP_UPS = StepUps(
    {
        "/recent": Demand(max_age=300),
        "/strong": Demand(acr_values=("mfa",)),
        "/both": Demand(max_age=300, acr_values=("mfa",)),
    },
    clock=CLOCK,
)
YOUNG = session(proved_at=NOW - 10, acr="mfa")
LOGIN = VerifiedLogin(
    provider="demo", issuer="https://issuer.example", subject="s", authenticated_at=NOW, acr="mfa"
)
FOR_BOTH = StepUp(user_id="u-1", route="/both")


@pytest.mark.parametrize("route", ["/recent", "/strong", "/both"])
def test_B073_whoever_proved_it_lately_and_strongly_has_nothing_to_do(route: str) -> None:
    assert STEP_UPS.due(YOUNG, route) is None
    assert STEP_UPS.due(None, route) is None


@pytest.mark.parametrize("route", ["/recent", "/both"])
@pytest.mark.parametrize("proved_at", [None, NOW - 331])
def test_B073_an_old_or_untold_proof_is_due_as_the_user_of_the_session(
    route: str, proved_at: int | None
) -> None:
    assert STEP_UPS.due(replace(YOUNG, proved_at=proved_at), route) == StepUp(user_id="u-1", route=route)


def test_a_route_that_demands_nothing_or_is_unknown_asks_for_nothing() -> None:
    assert STEP_UPS.due(replace(YOUNG, proved_at=None), "/elsewhere") is None
    assert STEP_UPS.demand("/elsewhere") is None
    STEP_UPS.check(StepUp(user_id="u-1", route="/elsewhere"), replace(LOGIN, authenticated_at=None))


@pytest.mark.parametrize(("acr", "weaker"), [("pwd", True), (None, True), ("mfa", False)])
def test_strength_is_what_time_does_not_mend(acr: str | None, weaker: bool) -> None:
    assert STEP_UPS.weaker(replace(YOUNG, acr=acr, proved_at=None), "/both") is weaker
    assert not STEP_UPS.weaker(replace(YOUNG, acr=acr, proved_at=None), "/recent")


def test_O19_the_issuer_is_told_to_insist_once_and_only_about_time() -> None:
    old = replace(LOGIN, authenticated_at=NOW - 331)
    assert STEP_UPS.insistent(FOR_BOTH, old)
    assert STEP_UPS.insistent(FOR_BOTH, replace(LOGIN, authenticated_at=None))
    assert not STEP_UPS.insistent(replace(FOR_BOTH, insisted=True), old)
    assert not STEP_UPS.insistent(FOR_BOTH, LOGIN)
    assert not STEP_UPS.insistent(FOR_BOTH, replace(LOGIN, acr="pwd"))


@pytest.mark.parametrize(
    ("login", "kind"),
    [
        (replace(LOGIN, authenticated_at=NOW - 331), ProofTooOld),
        (replace(LOGIN, authenticated_at=None), ProofTooOld),
        (replace(LOGIN, acr="pwd"), ProofTooWeak),
        (replace(LOGIN, acr=None), ProofTooWeak),
    ],
)
def test_O19_B101_an_answer_that_falls_short_is_refused(
    login: VerifiedLogin, kind: type[StepUpFailed]
) -> None:
    with pytest.raises(kind):
        STEP_UPS.check(FOR_BOTH, login)
    STEP_UPS.check(FOR_BOTH, LOGIN)

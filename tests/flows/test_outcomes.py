"""Every end of a login is told once, and says whether somebody was refused or something failed."""

import pytest

from gateway.errors import (
    CredentialsRefused,
    GatewayError,
    IssuerUnavailable,
    LoginCancelled,
    LoginFailed,
    ProofByAnother,
    SessionTooLarge,
    TooManyAttempts,
    UserRefused,
)
from gateway.flows.outcomes import Outcomes
from gateway.model.event import AuditEvent
from tests.fakes.dressing import session


class Counts:
    def __init__(self) -> None:
        self.seen: list[tuple[str, str]] = []

    def login(self, *, provider: str, result: str) -> None:
        self.seen.append((provider, result))


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (UserRefused(), "refused"),
        (LoginCancelled(), "refused"),
        (ProofByAnother(), "refused"),
        (TooManyAttempts(), "refused"),
        (LoginFailed(), "failure"),
        (CredentialsRefused(), "failure"),
        (SessionTooLarge(), "failure"),
        (IssuerUnavailable(), "failure"),
    ],
)
def test_B144_a_login_that_does_not_succeed_is_told_with_its_code(error: GatewayError, outcome: str) -> None:
    told: list[AuditEvent] = []
    counts = Counts()
    Outcomes(audit=told.append, counts=counts).failure("demo", error)
    [event] = told
    assert (event.name, event.outcome, event.reason, event.provider) == (
        f"auth.login.{outcome}",
        outcome,
        error.code,
        "demo",
    )
    assert counts.seen == [("demo", outcome)]


@pytest.mark.parametrize(
    ("check", "told_as"), [("", ""), ("iss is wrong", "iss is wrong"), ("x" * 300, "x" * 256)]
)
def test_the_check_that_a_login_did_not_pass_is_told_in_bounds(check: str, told_as: str) -> None:
    told: list[AuditEvent] = []
    Outcomes(audit=told.append, counts=None).failure("demo", LoginFailed(check), check=check)
    assert [event.detail for event in told] == [told_as]


def test_B144_a_login_that_succeeds_is_told_with_what_else_came_of_it() -> None:
    told: list[AuditEvent] = []
    Outcomes(audit=told.append, counts=None).success(session(), detail="linked")
    [event] = told
    assert (event.name, event.user_id, event.provider, event.detail) == (
        "auth.login.success",
        "u-1",
        "demo",
        "linked",
    )
    assert event.session_id
    assert event.session_id not in session().id

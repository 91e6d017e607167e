from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.sessions.strategy import Policy, public_id
from tests.fakes.sessions import ALICE, LOGIN, POLICY, STRICT, Node

T = 1_800_000_000
DAYS_30 = 2_592_000
SESSION = Node().sessions.issue(LOGIN, ALICE, persistent=True)
IDLE = replace(POLICY, idle_timeout=7200)


@pytest.mark.parametrize(
    ("policy", "at", "fault"),
    [
        (POLICY, T, ""),
        (POLICY, T - 60, ""),
        (POLICY, T - 61, "invalid"),
        (POLICY, T + DAYS_30 - 0.001, ""),
        (POLICY, T + DAYS_30, "absolute"),
        (STRICT, T + DAYS_30, "absolute"),
        (IDLE, T + 600 + 7200, ""),
        (IDLE, T + 600 + 7200.5, "idle"),
        (replace(IDLE, idle_timeout=0), T + 599, ""),
        (replace(POLICY, max_age=86_400), T + 86_399, ""),
        (replace(POLICY, max_age=86_400), T + 86_400, "absolute"),
        (replace(POLICY, max_age=2 * DAYS_30), T + DAYS_30, "absolute"),
    ],
)
def test_B98_B100_B91_B93_a_session_holds_until_exactly_its_limits(
    policy: Policy, at: float, fault: str
) -> None:
    assert policy.fault(SESSION, now=at) == fault


@pytest.mark.parametrize("policy", [POLICY, IDLE, STRICT, replace(IDLE, idle_timeout=0)], ids=range(4))
@given(at=st.integers(T - 100, T + DAYS_30 + 100), quarter=st.sampled_from((0, 0.25, 0.75)))
@example(at=T - 60, quarter=0)
@example(at=T - 61, quarter=0.75)
@example(at=T + 599, quarter=0.75)
@example(at=T + 600, quarter=0)
def test_a_session_is_trusted_while_it_holds_its_lease_runs_and_nobody_asks_at_each_request(
    policy: Policy, at: int, quarter: float
) -> None:
    now = at + quarter
    begins, ends = policy.trusted(SESSION)
    unasked = not policy.fault(SESSION, now=now) and now < SESSION.lease_until and not policy.strict
    assert (begins <= now < ends) is unasked


def test_B93_a_login_more_than_60_s_ahead_is_invalid_whatever_iat_says() -> None:
    assert POLICY.fault(replace(SESSION, issued_at=T - 100), now=T - 61) == "invalid"


def test_S15_the_public_id_is_a_hash_and_not_the_id() -> None:
    told = public_id(SESSION.id)
    assert len(told) == 16
    assert int(told, 16) >= 0
    assert told not in SESSION.id
    assert told == public_id(SESSION.id) != public_id(SESSION.id + "x")

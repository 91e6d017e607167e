from dataclasses import replace

import pytest

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


def test_B93_a_login_more_than_60_s_ahead_is_invalid_whatever_iat_says() -> None:
    assert POLICY.fault(replace(SESSION, issued_at=T - 100), now=T - 61) == "invalid"


def test_S15_the_public_id_is_a_hash_and_not_the_id() -> None:
    told = public_id(SESSION.id)
    assert len(told) == 16
    assert int(told, 16) >= 0
    assert told not in SESSION.id
    assert told == public_id(SESSION.id) != public_id(SESSION.id + "x")

from collections import Counter
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.model.upstream import Balance
from gateway.upstream.balance import LeastRequests, Rendezvous, RoundRobin, policy_for


@dataclass
class Place:
    """A member as a policy sees it."""

    name: str
    busy: int = 0
    share: float = 1.0


def places(count: int) -> list[Place]:
    return [Place(f"http://10.0.0.{number}") for number in range(count)]


@pytest.mark.parametrize("balance", list(Balance))
@given(count=st.integers(1, 5), affinities=st.lists(st.text(), min_size=1, max_size=20))
def test_one_of_the_members_is_always_chosen(balance: Balance, count: int, affinities: list[str]) -> None:
    policy, members = policy_for(balance), places(count)
    assert all(policy(members, each) in members for each in affinities)


def test_round_robin_gives_each_the_same() -> None:
    policy, members = RoundRobin(), places(3)
    assert set(Counter(policy(members, "").name for _ in range(30)).values()) == {10}


def test_round_robin_gives_a_cold_member_fewer_turns() -> None:
    policy, members = RoundRobin(), places(2)
    members[0].share = 0.1
    counted = Counter(policy(members, "").name for _ in range(1000))
    assert 50 < counted[members[0].name] < 150


def test_round_robin_finds_somebody_where_all_are_cold() -> None:
    members = places(2)
    members[0].share, members[1].share = 0.1, 0.2
    assert RoundRobin()(members, "") in members


def test_the_least_busy_gets_the_next_request() -> None:
    policy, members = LeastRequests(), places(3)
    members[0].busy, members[1].busy, members[2].busy = 3, 1, 2
    assert policy(members, "") is members[1]
    members[1].share = 0.1
    assert policy(members, "") is members[2]


@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from((0.1, 0.5, 1.0))), min_size=1, max_size=5))
def test_whosever_turn_it_is_nobody_is_less_busy_for_their_share(of: list[tuple[int, float]]) -> None:
    policy = LeastRequests()
    members = [Place(str(number), busy, share) for number, (busy, share) in enumerate(of)]
    for _ in members:
        chosen = policy(members, "")
        assert (chosen.busy + 1) / chosen.share == min((busy + 1) / share for busy, share in of)


def test_between_equals_the_least_busy_takes_turns() -> None:
    policy, members = LeastRequests(), places(4)
    assert set(Counter(policy(members, "").name for _ in range(40)).values()) == {10}


@given(st.text())
def test_an_affinity_stays_where_it_is_while_its_member_is_there(affinity: str) -> None:
    policy, members = Rendezvous(), places(5)
    chosen = policy(members, affinity)
    for gone in members:
        left = [member for member in members if member is not gone]
        if gone is not chosen:
            assert policy(left, affinity) is chosen


def test_affinities_are_spread() -> None:
    policy, members = Rendezvous(), places(4)
    counted = Counter(policy(members, f"user-{number}").name for number in range(2000))
    assert len(counted) == 4
    assert min(counted.values()) > 350

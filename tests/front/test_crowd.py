from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from gateway.front.crowd import Crowd


@dataclass(eq=False)
class Guest:
    peer: str = "192.0.2.1"
    idle: bool = False
    closed: bool = False

    def force_close(self) -> None:
        self.closed = True


class Counted:
    def __init__(self) -> None:
        self.open = 0
        self.refused: list[str] = []

    def connection_opened(self) -> None:
        self.open += 1

    def connection_closed(self) -> None:
        self.open -= 1

    def connection_refused(self, reason: str) -> None:
        self.refused.append(reason)


def crowd(counted: Counted, *, most: int = 4, most_of_one: int | None = None) -> Crowd:
    return Crowd(most=most, most_of_one=most_of_one, exempt="10.0.0.1".__eq__, counts=counted)


def test_U05_whoever_idled_longest_gives_way() -> None:
    counted = Counted()
    of, guests = crowd(counted), [Guest(idle=number > 0) for number in range(4)]
    assert all(of.enter(guest) for guest in guests)
    assert of.enter(newcomer := Guest())
    assert [guest.closed for guest in guests] == [False, True, False, False]
    assert newcomer in list(of)
    assert (len(of), counted.open, counted.refused) == (4, 4, [])


def test_U04_where_nobody_idles_the_newcomer_is_turned_away() -> None:
    counted = Counted()
    of = crowd(counted)
    assert [of.enter(Guest()) for _ in range(6)] == [True] * 4 + [False] * 2
    assert (len(of), counted.open, counted.refused) == (4, 4, ["all"] * 2)


def test_U04_one_address_has_its_share_and_proxies_have_any() -> None:
    counted = Counted()
    of = crowd(counted, most=100, most_of_one=2)
    first = Guest()
    assert of.enter(first)
    assert of.enter(Guest())
    assert not of.enter(Guest())
    assert of.enter(Guest(peer="192.0.2.2"))
    assert all(of.enter(Guest(peer="10.0.0.1")) for _ in range(10))
    of.leave(first)
    assert of.enter(Guest())
    assert counted.refused == ["address"]


def test_who_was_turned_away_is_not_counted_out() -> None:
    counted = Counted()
    of = crowd(counted, most=1)
    of.enter(Guest())
    away = Guest()
    assert not of.enter(away)
    of.leave(away)
    assert (len(of), counted.open) == (1, 1)


def test_a_great_crowd_is_not_looked_through_for_every_newcomer() -> None:
    looked = 0

    class Busy(Guest):
        @property
        def idle(self) -> bool:  # type: ignore[override]
            nonlocal looked
            looked += 1
            return False

        @idle.setter
        def idle(self, _: bool) -> None: ...

    of = crowd(Counted(), most=1000)
    for _ in range(1000):
        of.enter(Busy())
    assert not of.enter(Guest())
    assert looked <= 64


def test_U04_who_turns_out_to_be_another_is_counted_as_that_one() -> None:
    counted = Counted()
    of = crowd(counted, most_of_one=1)
    guest, other = Guest(peer="10.0.0.1"), Guest(peer="10.0.0.1")
    assert of.enter(guest)
    assert of.enter(other)
    guest.peer = other.peer = "192.0.2.1"
    assert of.recount(guest)
    assert of.recount(guest)
    assert not of.recount(other)
    assert (len(of), counted.open, counted.refused) == (1, 1, ["address"])
    assert not of.recount(other)
    assert not of.enter(Guest())
    of.leave(guest)
    assert of.enter(Guest())


def test_a_place_is_handed_on_once_and_without_a_count() -> None:
    counted = Counted()
    of = crowd(counted, most=1, most_of_one=1)
    arrival, guest = Guest(idle=True), Guest()
    assert of.enter(arrival)
    assert of.hand_on(arrival, guest)
    assert not of.hand_on(arrival, Guest())
    of.leave(arrival)
    assert (list(of), counted.open, counted.refused) == ([guest], 1, [])
    of.leave(guest)
    assert (len(of), counted.open, dict(of._of)) == (0, 0, {})


def test_U05_those_who_idle_behind_many_who_do_not_are_found_in_time() -> None:
    of, busy, idle = crowd(Counted(), most=80), [Guest() for _ in range(70)], Guest(idle=True)
    assert all(of.enter(guest) for guest in (*busy, idle, *(Guest(idle=True) for _ in range(9))))
    assert [of.enter(Guest()) for _ in range(2)] == [False, True]
    assert idle.closed


def test_U05_who_gave_way_on_the_way_in_has_no_place_to_hand_on() -> None:
    of = crowd(Counted(), most=1)
    arrival = Guest(idle=True)
    assert of.enter(arrival)
    assert of.enter(Guest())
    assert arrival.closed
    assert not of.hand_on(arrival, Guest())


@given(
    st.lists(
        st.tuples(st.sampled_from(("in", "out", "other", "on")), st.integers(0, 3), st.booleans()),
        max_size=60,
    )
)
def test_never_more_than_there_may_be_and_every_count_comes_to_nothing(
    steps: list[tuple[str, int, bool]],
) -> None:
    counted = Counted()
    of = crowd(counted, most=5, most_of_one=3)
    inside: list[Guest] = []
    for what, number, idle in steps:
        if what == "in" and of.enter(guest := Guest(peer=f"192.0.2.{number}", idle=idle)):
            inside.append(guest)
        elif what == "out" and inside:
            of.leave(inside.pop(number % len(inside)))
        elif what == "other" and inside:
            inside[0].peer = f"192.0.2.{number}"
            of.recount(inside[0])
        elif what == "on" and inside:
            inside.append(Guest(peer=inside[0].peer))
            of.hand_on(inside.pop(0), inside[-1])
        assert len(of) <= 5
        assert counted.open == len(of)
    for guest in inside:
        of.leave(guest)
    assert (len(of), counted.open, dict(of._of)) == (0, 0, {})

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.keys.mac import Mac

OLD, NEW = b"o" * 32, b"n" * 32


def test_a_tag_holds_over_the_same_parts_only() -> None:
    mac = Mac([NEW])
    tag = mac.tag(b"user", b"session")
    assert len(tag) == 32
    assert mac.holds(tag, b"user", b"session")
    assert not mac.holds(tag, b"user", b"sessioN")
    assert not mac.holds(tag[:-1], b"user", b"session")
    assert not mac.holds(b"", b"user", b"session")


@given(st.lists(st.binary(max_size=6), max_size=4), st.lists(st.binary(max_size=6), max_size=4))
def test_B132_no_cut_between_parts_can_be_moved(left: list[bytes], right: list[bytes]) -> None:
    mac = Mac([NEW])
    assert (mac.tag(*left) == mac.tag(*right)) == (left == right)


def test_B129_tags_of_an_old_key_hold_and_new_ones_are_under_the_first() -> None:
    before, after = Mac([OLD]), Mac([NEW, OLD])
    assert after.holds(before.tag(b"form"), b"form")
    assert Mac([NEW]).holds(after.tag(b"form"), b"form")
    assert not Mac([NEW]).holds(before.tag(b"form"), b"form")


@pytest.mark.parametrize("place", [0, 1, 2])
def test_B129_a_tag_of_any_key_of_the_ring_holds_wherever_it_stands(place: int) -> None:
    keys = [bytes([number]) * 32 for number in range(3)]
    tag = Mac([keys[place]]).tag(b"part")
    assert Mac(keys).holds(tag, b"part")
    assert not Mac([key for key in keys if key != keys[place]]).holds(tag, b"part")

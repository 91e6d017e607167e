"""A nonce counts once, and none is forgotten while it could count."""

import pytest

from gateway.verify import MemoryFull
from gateway.verify.once import Once


def test_a_nonce_is_new_once() -> None:
    once = Once()
    assert once.first("a", now=0, until=60)
    assert not once.first("a", now=59, until=60)
    assert once.first("b", now=0, until=60)


def test_what_is_over_makes_room_and_what_is_not_never_does() -> None:
    once = Once(most=2)
    assert once.first("a", now=0, until=60)
    assert once.first("b", now=30, until=90)
    with pytest.raises(MemoryFull):
        once.first("c", now=30, until=90)
    assert not once.first("b", now=60, until=90)
    assert once.first("c", now=60, until=120)
    assert not once.first("b", now=61, until=90)

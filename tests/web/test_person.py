"""What a page calls somebody."""

import pytest

from gateway.model.identity import Identity
from gateway.web.person import display_name


@pytest.mark.parametrize(
    ("identity", "called"),
    [
        (Identity(user_id="u-1", email="a@b.example", name="Ann"), "Ann"),
        (Identity(user_id="u-1", email="a@b.example", name=""), "a@b.example"),
        (Identity(user_id="u-1"), "u-1"),
    ],
)
def test_a_person_always_has_a_name(identity: Identity, called: str) -> None:
    assert display_name(identity) == called

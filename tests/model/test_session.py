"""A session is one login; what the store says about it is said at one moment."""

from dataclasses import FrozenInstanceError, replace

import pytest

from tests.fakes.dressing import session


def test_a_session_lasts_beyond_the_browser_unless_it_says_otherwise() -> None:
    assert session().persistent is True
    assert session().amr == ()


def test_a_renewed_session_is_another_token_of_the_same_session() -> None:
    first = session()
    renewed = replace(first, token_id="jti-2", lease_until=first.lease_until + 600)
    assert renewed != first
    assert (renewed.id, renewed.ends_at) == (first.id, first.ends_at)


def test_a_session_cannot_be_prolonged_in_passing() -> None:
    with pytest.raises(FrozenInstanceError):
        session().ends_at = 9_999_999_999  # type: ignore[misc]

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


@pytest.mark.parametrize(
    ("proved_at", "last"),
    [(None, 1_799_999_000), (1_799_000_000, 1_799_000_000), (1_799_999_030, 1_799_999_000)],
)
def test_B16_whoever_is_remembered_proved_it_before_they_arrived(proved_at: int | None, last: int) -> None:
    assert session(proved_at=proved_at).last_proof_at == last


def test_O19_a_proof_has_the_age_that_its_provider_says() -> None:
    proof = session(proved_at=1_800_000_000, acr="mfa").proof(now=1_800_000_090.5)
    assert (proof.age, proof.acr) == (90.5, "mfa")
    assert session().proof(now=1_800_000_000).age is None

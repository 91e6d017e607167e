"""What counts as proof: said by the provider, recent enough by a small leeway, of a value that was asked."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.model.proof import LEEWAY, UNPROVEN, Demand, Proof, aged

STRONG = Demand(acr_values=("hardware", "mfa"))
RECENT = Demand(max_age=300)
MAYBE_ACR = st.none() | st.sampled_from(["hardware", "mfa", "pwd", ""])


@pytest.mark.parametrize(
    ("age", "ok"), [(0, True), (-60, True), (300 + LEEWAY, True), (300 + LEEWAY + 1, False)]
)
def test_O19_an_age_is_met_to_the_second(age: int, ok: bool) -> None:
    assert (RECENT.shortfall(Proof(age=age)) == "") is ok


@pytest.mark.parametrize(
    ("acr", "ok"), [("mfa", True), ("hardware", True), ("MFA", False), ("mf", False), ("", False)]
)
def test_O19_any_one_value_does_and_only_as_it_is_written(acr: str, ok: bool) -> None:
    assert (STRONG.shortfall(Proof(acr=acr)) == "") is ok


def test_O19_what_a_provider_does_not_say_meets_nothing() -> None:
    assert RECENT.shortfall(UNPROVEN) == "max_auth_age"
    assert STRONG.shortfall(UNPROVEN) == "acr_values"
    assert Demand().shortfall(UNPROVEN) == ""


@given(
    age=st.none() | st.floats(-1e3, 1e3),
    acr=MAYBE_ACR,
    max_age=st.none() | st.integers(1, 900),
    wanted=st.lists(st.sampled_from(["hardware", "mfa"]), max_size=2, unique=True),
)
def test_a_shortfall_is_the_first_key_that_is_not_met(
    age: float | None, acr: str | None, max_age: int | None, wanted: list[str]
) -> None:
    demand = Demand(max_age=max_age, acr_values=tuple(wanted))
    weighed = demand.weighed(Proof(age=age, acr=acr))
    missing = [name for name, holds in weighed if not holds]
    assert demand.shortfall(Proof(age=age, acr=acr)) == (missing[0] if missing else "")
    assert len(weighed) == (max_age is not None) + bool(wanted)


def test_an_age_is_known_where_the_moment_is() -> None:
    assert aged(None, now=5.0) is None
    assert aged(3, now=5.0) == 2.0

"""The caller is what was signed, and of the right types."""

import pytest

from gateway.verify.caller import AssertionMissing, Caller, KeysUnavailable
from gateway.verify.strict import Invalid
from tests.fakes.assertions import CLAIMS, NOW


def test_every_claim_has_its_place() -> None:
    caller = Caller.told_by(CLAIMS)
    assert caller == Caller(
        id="u-1",
        email="zo\u00eb@example.com",
        name="Zo\u00eb",
        roles=("admin",),
        groups=("staff",),
        session="5e551011",
        provider="demo",
        authenticated_at=NOW - 1000,
        claims=CLAIMS,
    )


@pytest.mark.parametrize(
    "changed",
    [
        {"email": 1},
        {"name": ["x"]},
        {"roles": "admin"},
        {"groups": [1]},
        {"auth_time": "now"},
        {"auth_time": True},
        {"acr": ["urn:example:mfa"]},
        {"amr": "pwd"},
    ],
)
def test_a_value_of_another_type_is_refused(changed: dict[str, object]) -> None:
    with pytest.raises(Invalid):
        Caller.told_by({**CLAIMS, **changed})


def test_how_they_proved_who_they_are_has_its_place_where_it_is_known() -> None:
    caller = Caller.told_by({**CLAIMS, "acr": "urn:example:mfa", "amr": ["pwd", "otp"]})
    assert (caller.acr, caller.amr) == ("urn:example:mfa", ("pwd", "otp"))


def test_what_is_not_known_is_none_or_empty() -> None:
    caller = Caller.told_by({"sub": "u"})
    assert (caller.email, caller.roles, caller.session) == (None, (), None)
    assert (caller.acr, caller.amr) == (None, ())


def test_a_caller_can_be_a_key_and_what_was_proved_about_it_stays() -> None:
    claims: dict[str, object] = {**CLAIMS}
    caller = Caller.told_by(claims)
    claims["email"] = "eve@example.com"
    assert {caller: 1}[Caller.told_by(CLAIMS)] == 1
    assert caller.claims["email"] == CLAIMS["email"]


def test_each_failure_has_a_status() -> None:
    assert (AssertionMissing.status, KeysUnavailable.status) == (401, 503)

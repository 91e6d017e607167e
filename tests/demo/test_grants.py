"""A code works once, for a minute, for whoever holds the verifier."""

import pytest

from gateway.demo.grants import ACCESS_LIFE, CODE_LIFE, MOST, Grants, Refused, at_hash, s256
from gateway.demo.people import PEOPLE
from tests.fakes.clock import FakeClock

ALICE = PEOPLE["alice"]
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
BACK = "http://localhost:8080/.gateway/callback/demo"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def grants(clock: FakeClock) -> Grants:
    return Grants(clock=clock)


def agreed(grants: Grants) -> str:
    return grants.agree(ALICE, redirect_uri=BACK, challenge=CHALLENGE, nonce="n")


def test_the_challenge_is_that_of_rfc_7636_appendix_b() -> None:
    assert s256(VERIFIER) == CHALLENGE


def test_a_code_stands_for_its_consent_once(grants: Grants) -> None:
    code = agreed(grants)
    consent = grants.redeem(code, redirect_uri=BACK, verifier=VERIFIER)
    assert (consent.person, consent.nonce) == (ALICE, "n")
    with pytest.raises(Refused):
        grants.redeem(code, redirect_uri=BACK, verifier=VERIFIER)


@pytest.mark.parametrize(
    ("back", "verifier"), [(BACK + "/", VERIFIER), (BACK, "x"), (BACK, ""), (BACK, "\ud800\u00e9")]
)
def test_O08_a_code_needs_its_verifier_and_its_redirect_uri(grants: Grants, back: str, verifier: str) -> None:
    code = agreed(grants)
    with pytest.raises(Refused):
        grants.redeem(code, redirect_uri=back, verifier=verifier)
    with pytest.raises(Refused):
        grants.redeem(code, redirect_uri=BACK, verifier=VERIFIER)


def test_a_code_lives_a_minute(grants: Grants, clock: FakeClock) -> None:
    first, second = agreed(grants), agreed(grants)
    clock.advance(CODE_LIFE - 1)
    assert grants.redeem(first, redirect_uri=BACK, verifier=VERIFIER)
    clock.advance(1)
    with pytest.raises(Refused):
        grants.redeem(second, redirect_uri=BACK, verifier=VERIFIER)


def test_an_access_token_tells_of_its_person_while_it_lives(grants: Grants, clock: FakeClock) -> None:
    access_token = grants.access(ALICE)
    assert grants.person(access_token) == ALICE
    assert grants.person("other") is None
    clock.advance(ACCESS_LIFE)
    assert grants.person(access_token) is None


def test_what_is_held_is_bounded(grants: Grants) -> None:
    first, access_token = agreed(grants), grants.access(ALICE)
    for _ in range(MOST):
        agreed(grants)
        grants.access(ALICE)
    assert grants.person(access_token) is None
    with pytest.raises(Refused):
        grants.redeem(first, redirect_uri=BACK, verifier=VERIFIER)


def test_the_hash_of_an_access_token_is_its_left_half() -> None:
    assert at_hash("jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y") == "77QmUPtjPfzWtF2AnpK9RQ"

"""An assertion holds for one gateway, one app, one minute, one person; everything else is refused."""

import json
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import Key, OctKey, OKPKey, RSAKey

from gateway.verify import AssertionInvalid, AssertionMissing, Caller, KeysUnavailable, Verifier
from tests.fakes.assertions import AUDIENCE, CLAIMS, ISSUER, NOW, base64url, jwks, new_key, signed

KEY = new_key()


def verifier(*keys: Key, now: float = NOW, **facts: Any) -> Verifier:
    given_facts = {
        "issuer": ISSUER,
        "audience": AUDIENCE,
        "jwks": jwks(*(keys or (KEY,))),
        "clock": lambda: now,
    }
    return Verifier(**{**given_facts, **facts})


def test_B45_a_good_assertion_names_the_caller() -> None:
    caller = verifier().verify(signed(KEY))
    assert isinstance(caller, Caller)
    assert (caller.id, caller.name, caller.roles) == ("u-1", "Zo\u00eb", ("admin",))


@pytest.mark.parametrize(
    "changed",
    [
        {"aud": "other"},
        {"aud": ["wiki", "other"]},
        {"aud": ["wiki"]},
        {"aud": ...},
        {"iss": ISSUER + "/"},
        {"iss": "HTTPS://gateway.example.com"},
        {"iss": ...},
        {"sub": ""},
        {"sub": 1},
        {"sub": ...},
        {"jti": ...},
        {"exp": NOW},
        {"exp": NOW - 1},
        {"exp": ...},
        {"exp": str(NOW + 50)},
        {"exp": True},
        {"exp": NOW + 50.5},
        {"exp": 1e300},
        {"exp": -1},
        {"exp": 2**63},
        {"exp": NOW + 3600},
        {"iat": ...},
        {"iat": NOW + 61, "exp": NOW + 120},
        {"iat": NOW + 50},
        {"iat": NOW - 10, "exp": NOW + 291},
        {"nbf": NOW + 61},
        {"nbf": "x"},
        {"roles": "admin"},
    ],
)
def test_B47_T07_T08_T09_T10_every_claim_must_hold(changed: dict[str, Any]) -> None:
    with pytest.raises(AssertionInvalid):
        verifier().verify(signed(KEY, **changed))


@pytest.mark.parametrize(
    ("leeway", "now", "holds"), [(0.0, 49.9, True), (0.0, 50, False), (5.0, 54.9, True), (5.0, 55, False)]
)
def test_B47_an_assertion_ends_when_it_says(leeway: float, now: float, *, holds: bool) -> None:
    check = verifier(now=NOW + now, leeway=leeway)
    if holds:
        assert check.verify(signed(KEY)).id == "u-1"
    else:
        with pytest.raises(AssertionInvalid):
            check.verify(signed(KEY))


@pytest.mark.parametrize(
    "changed", [{"iat": NOW + 60, "exp": NOW + 110}, {"exp": NOW + 290}, {"nbf": NOW + 60}]
)
def test_T10_what_just_holds_holds(changed: dict[str, Any]) -> None:
    assert verifier().verify(signed(KEY, **changed)).id == "u-1"


def test_a_slow_clock_still_accepts_a_fresh_assertion() -> None:
    assert verifier(now=NOW - 30).verify(signed(KEY)).id == "u-1"


def test_I13_one_changed_byte_is_refused() -> None:
    good = signed(KEY)
    for place in range(0, len(good), 7):
        changed = good[:place] + ("A" if good[place] != "A" else "B") + good[place + 1 :]
        with pytest.raises(AssertionInvalid):
            verifier().verify(changed)


@pytest.mark.parametrize(
    "algorithm", ["none", "None", "HS256", "ES384", "RS256", "EdDSA", "", None, 1, ["ES256"]]
)
def test_T01_T02_the_algorithm_is_ours_to_choose(algorithm: object) -> None:
    header = {"alg": algorithm, "kid": "k1", "typ": "JWT"}
    head, claims = base64url(json.dumps(header).encode()), base64url(json.dumps(CLAIMS).encode())
    for signature in (signed(KEY).rpartition(".")[2], "AA"):
        with pytest.raises(AssertionInvalid):
            verifier().verify(f"{head}.{claims}.{signature}")


def test_T02_a_public_key_is_no_shared_secret() -> None:
    public = json.dumps(KEY.as_dict(private=False)).encode()
    forged = signed(
        OctKey.import_key(public, {"kid": "k1"}), header={"alg": "HS256", "kid": "k1", "typ": "JWT"}
    )
    with pytest.raises(AssertionInvalid):
        verifier().verify(forged)


@pytest.mark.parametrize("kid", ["../k1", "k1\x00", "", "K1", 1, ["k1"], "k" * 300, None])
def test_T05_a_kid_is_looked_up_and_nothing_else(kid: object) -> None:
    with pytest.raises(AssertionInvalid):
        verifier().verify(signed(KEY, header={"alg": "ES256", "kid": kid, "typ": "JWT"}))


@pytest.mark.parametrize("typ", ["jwt", "at+jwt", "logout+jwt", "", None])
def test_T13_only_a_jwt_is_an_assertion(typ: object) -> None:
    with pytest.raises(AssertionInvalid):
        verifier().verify(signed(KEY, header={"alg": "ES256", "kid": "k1", "typ": typ}))


def test_a_foreign_key_of_the_same_name_is_refused() -> None:
    with pytest.raises(AssertionInvalid):
        verifier().verify(signed(new_key("k1")))


def test_every_key_of_the_set_counts() -> None:
    other = new_key("k2")
    assert verifier(KEY, other).verify(signed(other)).id == "u-1"


@pytest.mark.parametrize(
    ("algorithm", "key"),
    [
        ("EdDSA", OKPKey.generate_key("Ed25519", {"kid": "e"})),
        ("RS256", RSAKey.generate_key(2048, {"kid": "r"})),
    ],
)
def test_other_algorithms_hold_only_where_configured(algorithm: str, key: Key) -> None:
    assertion = signed(key, header={"alg": algorithm, "kid": key.kid, "typ": "JWT"})
    assert verifier(key, algorithms=[algorithm, "ES256"]).verify(assertion).id == "u-1"
    with pytest.raises(AssertionInvalid):
        verifier(key).verify(assertion)


def test_a_key_of_another_kind_never_verifies() -> None:
    other = OKPKey.generate_key("Ed25519", {"kid": "k1"})
    with pytest.raises(AssertionInvalid):
        verifier(other, algorithms=["ES256", "EdDSA"]).verify(signed(KEY))


@given(st.text(max_size=100))
def test_T11_any_text_is_refused(text: str) -> None:
    with pytest.raises(AssertionInvalid):
        verifier().verify(text)


@given(st.binary(max_size=200))
def test_T11_any_signed_payload_is_refused(raw: bytes) -> None:
    with pytest.raises(AssertionInvalid):
        verifier().verify(signed(KEY, raw=raw))


@pytest.mark.parametrize("user_ids", [[], ["u-2"], ["U-1"], ["u-1", "u-1"], ["u-1", "u-2"], ["u-1,u-1"]])
def test_I14_the_user_header_must_be_there_once_and_agree(user_ids: list[str]) -> None:
    with pytest.raises(AssertionInvalid):
        verifier().identify([signed(KEY)], user_ids)
    assert verifier().identify([signed(KEY)], ["u-1"]) == verifier().identify([signed(KEY)], None)


def test_I14_one_assertion_and_no_more() -> None:
    with pytest.raises(AssertionMissing):
        verifier().identify([], ["u-1"])
    with pytest.raises(AssertionInvalid):
        verifier().identify([signed(KEY), signed(KEY)], ["u-1"])


@pytest.mark.parametrize(
    "facts",
    [
        {"issuer": ""},
        {"audience": ""},
        {"algorithms": ["none"]},
        {"algorithms": ["HS256"]},
        {"algorithms": []},
        {"leeway": -1},
        {"leeway": 5.1},
        {"jwks": None},
        {"jwks_url": "https://h/x"},
        {"jwks": None, "jwks_url": "http://h/x"},
    ],
)
def test_a_verifier_that_would_be_weak_is_not_made(facts: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        verifier(**facts)


def test_keys_out_of_reach_are_an_outage_and_not_a_refusal() -> None:
    away = verifier(jwks=None, jwks_url="http://127.0.0.1:9/jwks.json")
    with pytest.raises(KeysUnavailable):
        away.verify(signed(KEY))


def test_it_is_importable_without_the_rest_of_the_gateway() -> None:
    program = (
        "import sys, gateway.verify, gateway.verify.asgi, gateway.verify.wsgi\n"
        "ours = {n for n in sys.modules if n.startswith('gateway.') and not n.startswith('gateway.verify')}\n"
        "third = {'aiohttp', 'authlib', 'sqlalchemy', 'structlog', 'msgspec'} & set(sys.modules)\n"
        "sys.exit(bool(ours or third))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0

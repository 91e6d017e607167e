"""Signed requests verified: of this gateway, for this app, this very request, now, and if wished once."""

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.keys.keyring import KeyRing
from gateway.model.route import IdentityHeaders, RequestAlgorithm, Route
from gateway.verify import (
    Caller,
    CallerMissing,
    KeysUnavailable,
    MemoryFull,
    SignatureInvalid,
    SignatureMissing,
    SignatureVerifier,
)
from gateway.verify.once import Once
from gateway.verify.received import Received
from gateway.verify.signature import sender
from gateway.verify.signed import read
from gateway.verify.strict import Invalid
from tests.fakes.clock import FakeClock
from tests.fakes.dressing import PUBLIC_URL, TOLD, dresser, inbound, session, told_route, upstream_at
from tests.fakes.signed_requests import received

RING = KeyRing((b"k" * 32,), scope=PUBLIC_URL)
OTHER = KeyRing((b"o" * 32,), scope=PUBLIC_URL)
NOW = 1_800_000_000.0
HMAC, ED25519 = RequestAlgorithm.HMAC_SHA256, RequestAlgorithm.ED25519
ALGORITHMS = pytest.mark.parametrize("algorithm", [HMAC, ED25519])


def keys(algorithm: RequestAlgorithm, ring: KeyRing = RING, audience: str = "app") -> dict[str, Any]:
    if algorithm is HMAC:
        return {"shared": {"keys": [key.secret_jwk() for key in ring.shared_keys(audience)]}}
    return {"jwks": {"keys": [key.jwk for key in ring.ed25519_keys()]}}


def verifier(algorithm: RequestAlgorithm, *, now: float = NOW, **facts: Any) -> SignatureVerifier:
    told = {"audience": "app", "clock": lambda: now, **keys(algorithm), **facts}
    return SignatureVerifier(**told)


def route(algorithm: RequestAlgorithm, **facts: Any) -> Route:
    return told_route(identity=replace(TOLD, signature=algorithm), **facts)


def request(algorithm: RequestAlgorithm, *, anonymous: bool = False, **facts: Any) -> Received:
    to = route(algorithm)
    outbound = dresser(to, clock=FakeClock(NOW)).dress(
        inbound(**facts), to, None if anonymous else session(name="Zoë, 100%", groups=("a,b", "c"))
    )
    return received(outbound.head)


def put(good: Received, name: str, *values: str) -> Received:
    """Return *good* with *values* under *name* in the place of its own."""
    rest = tuple(field for field in good.fields if field[0].lower() != name.lower())
    return replace(good, fields=(*rest, *((name, value) for value in values)))


def signed_anew(good: Received, was: str, now: str) -> Received:
    """Return *good* with *now* in the place of *was* in its parameters, and the gateway's signature on it."""
    [told] = good.values("signature-input")
    assert was in told
    changed = put(good, "Signature-Input", told.replace(was, now))
    tag = RING.shared_keys("app")[0].sign(read(changed).base)
    return put(changed, "Signature", f"gateway=:{b64encode(tag).decode()}:")


@ALGORITHMS
def test_B47_the_caller_is_who_the_gateway_says(algorithm: RequestAlgorithm) -> None:
    caller = verifier(algorithm).verify(request(algorithm))
    assert isinstance(caller, Caller)
    assert (caller.id, caller.email, caller.name) == ("u-1", "ann@example.com", "Zoë, 100%")
    assert (caller.roles, caller.groups) == (("admin", "editor"), ("a,b", "c"))
    assert caller.claims["name"] == "Zo%C3%AB, 100%25"
    assert (caller.session, caller.authenticated_at, caller.provider) == (None, None, None)


@ALGORITHMS
@pytest.mark.parametrize(
    "change",
    [
        {"method": "POST"},
        {"path": "/pagE"},
        {"path": "/page/"},
        {"path": "/%70age"},
        {"query": ""},
        {"query": "x=1&"},
        {"query": "x=%31"},
        {"scheme": "https", "fields": (("Host", "127.0.0.1:9401"),)},
    ],
)
def test_B47_I13_another_method_path_or_query_is_refused(
    algorithm: RequestAlgorithm, change: Mapping[str, Any]
) -> None:
    with pytest.raises((SignatureInvalid, SignatureMissing)):
        verifier(algorithm).verify(replace(request(algorithm), **change))


@ALGORITHMS
@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("Host", ("127.0.0.1:9402",)),
        ("Host", ()),
        ("X-User-Id", ("u-2",)),
        ("X-User-Id", ()),
        ("X-User-Id", ("u-1", "u-1")),
        ("X-User-Roles", ("admin,editor,root",)),
        ("X-User-Groups", ()),
        ("X-Gateway-Assertion", ("e30.e30.AA",)),
        ("X-Gateway-Assertion", ()),
        ("X_User_Name", ("Eve",)),
        ("X.User.Email", ("eve@example.com",)),
        ("x_gateway_assertion", ("e30.e30.AA",)),
    ],
)
def test_B47_I14_a_changed_missing_doubled_or_refolded_header_is_refused(
    algorithm: RequestAlgorithm, name: str, values: tuple[str, ...]
) -> None:
    with pytest.raises(SignatureInvalid):
        verifier(algorithm).verify(put(request(algorithm), name, *values))


@ALGORITHMS
def test_I14_an_identity_header_that_is_not_covered_is_refused(algorithm: RequestAlgorithm) -> None:
    nobody = request(algorithm, anonymous=True)
    assert verifier(algorithm).verify(nobody) is None
    for name in ("X-User-Id", "x-user-roles", "X_User_Groups", "X-Gateway-Assertion"):
        with pytest.raises(SignatureInvalid, match="not covered"):
            verifier(algorithm).verify(put(nobody, name, "admin"))
    assert verifier(algorithm, assertion=None).verify(put(nobody, "X-Gateway-Assertion", "x")) is None


@ALGORITHMS
def test_a_header_that_the_gateway_does_not_tell_may_be_anything(algorithm: RequestAlgorithm) -> None:
    assert verifier(algorithm).verify(put(request(algorithm), "X-Other", "1", "2")) is not None


@ALGORITHMS
@pytest.mark.parametrize(("later", "holds"), [(-61, False), (-60, True), (0, True), (59, True), (60, False)])
def test_B47_I13_later_than_a_minute_is_refused(algorithm: RequestAlgorithm, later: int, holds: bool) -> None:
    checking = verifier(algorithm, now=NOW + later)
    if holds:
        assert checking.verify(request(algorithm)) is not None
        return
    with pytest.raises(SignatureInvalid):
        checking.verify(request(algorithm))


@pytest.mark.parametrize(
    ("created", "expires", "holds"),
    [
        (0, 60, True),
        (0, 61, False),
        (0, 0, False),
        (1, 0, False),
        (1, 1, False),
        (-59, 1, True),
        (-60, 1, False),
        (60, 120, True),
        (61, 120, False),
    ],
)
def test_B47_I13_no_signature_lives_longer_than_a_minute(created: int, expires: int, *, holds: bool) -> None:
    begin, end = int(NOW) + created, int(NOW) + expires
    was = f"created={int(NOW)};expires={int(NOW) + 60}"
    changed = signed_anew(request(HMAC), was, f"created={begin};expires={end}")
    if holds:
        assert verifier(HMAC).verify(changed) is not None
        return
    with pytest.raises(SignatureInvalid, match=r"created|expired"):
        verifier(HMAC).verify(changed)


@pytest.mark.parametrize("alg", ["ed25519", "hmac-sha512"])
def test_a_signature_that_names_another_algorithm_is_refused_though_it_holds(alg: str) -> None:
    with pytest.raises(SignatureInvalid, match="alg"):
        verifier(HMAC).verify(signed_anew(request(HMAC), "hmac-sha256", alg))


def test_I13_two_requests_of_one_key_count_for_themselves() -> None:
    strict, good = verifier(HMAC, once=True), request(HMAC)
    [told] = good.values("signature-input")
    nonce = told.partition('nonce="')[2].partition('"')[0]
    for each in (good, signed_anew(good, nonce, "A" * 24), signed_anew(good, nonce, "B" * 24)):
        assert strict.verify(each) is not None
        with pytest.raises(SignatureInvalid, match="before"):
            strict.verify(each)


def test_I13_a_nonce_is_remembered_through_the_leeway() -> None:
    clock = FakeClock(NOW)
    strict = verifier(HMAC, once=True, leeway=5, clock=clock)
    strict._once = Once(most=1)
    good = request(HMAC)
    assert strict.verify(good) is not None
    clock.advance(62)
    later = f"created={int(NOW) + 62};expires={int(NOW) + 122}"
    other = signed_anew(good, f"created={int(NOW)};expires={int(NOW) + 60}", later)
    [told] = good.values("signature-input")
    other = signed_anew(other, told.partition('nonce="')[2].partition('"')[0], "A" * 24)
    with pytest.raises(MemoryFull):
        strict.verify(other)
    with pytest.raises(SignatureInvalid, match="before"):
        strict.verify(good)


def test_leeway_is_granted_after_the_end_and_no_more_than_5_seconds() -> None:
    assert verifier(HMAC, now=NOW + 64, leeway=5).verify(request(HMAC)) is not None
    with pytest.raises(SignatureInvalid, match="expired"):
        verifier(HMAC, now=NOW + 65, leeway=5).verify(request(HMAC))


@ALGORITHMS
def test_B47_I13_a_request_for_another_app_or_of_another_gateway_is_refused(
    algorithm: RequestAlgorithm,
) -> None:
    with pytest.raises(SignatureInvalid, match="tag"):
        verifier(algorithm, audience="ap").verify(request(algorithm))
    with pytest.raises(SignatureInvalid, match="keyid"):
        verifier(algorithm, **keys(algorithm, OTHER)).verify(request(algorithm))


@ALGORITHMS
def test_a_key_of_the_right_name_and_the_wrong_value_is_refused(algorithm: RequestAlgorithm) -> None:
    [(kind, jwks)] = keys(algorithm, OTHER).items()
    [mine] = next(iter(keys(algorithm).values()))["keys"]
    jwks["keys"] = [{**jwks["keys"][0], "kid": mine["kid"]}]
    with pytest.raises(SignatureInvalid, match="does not hold"):
        verifier(algorithm, **{kind: jwks}).verify(request(algorithm))


def test_no_algorithm_is_taken_for_another() -> None:
    good = request(HMAC)
    [told] = good.values("signature-input")
    for alg in ("ed25519", "none", "rsa-v1_5-sha256"):
        with pytest.raises(SignatureInvalid):
            verifier(HMAC).verify(put(good, "Signature-Input", told.replace("hmac-sha256", alg)))
    public = {"shared": None, "jwks": keys(ED25519)["jwks"]}
    with pytest.raises(SignatureInvalid, match="alg"):
        verifier(HMAC, **public).verify(good)
    assertions = {"shared": None, "jwks": RING.signing_keys().jwks()}
    with pytest.raises(SignatureInvalid, match="alg"):
        verifier(HMAC, **assertions).verify(good)


def test_an_assertions_key_never_verifies_a_request() -> None:
    [kid] = RING.signing_keys().kids
    good = request(ED25519)
    [told] = good.values("signature-input")
    renamed = told.replace(RING.ed25519_keys()[0].keyid, kid)
    with pytest.raises(SignatureInvalid, match="keyid"):
        verifier(ED25519, jwks=RING.signing_keys().jwks()).verify(put(good, "Signature-Input", renamed))


def test_I15_a_request_without_a_signature_did_not_pass_the_gateway() -> None:
    bare = put(put(request(HMAC), "Signature"), "Signature-Input")
    with pytest.raises(SignatureMissing):
        verifier(HMAC).verify(bare)
    for left in ("Signature", "Signature-Input"):
        with pytest.raises(SignatureInvalid):
            verifier(HMAC).verify(put(request(HMAC), left))


def test_I13_a_request_counts_once_where_that_is_wanted() -> None:
    strict, lax = verifier(HMAC, once=True), verifier(HMAC)
    again = request(HMAC)
    assert strict.verify(again) is not None
    with pytest.raises(SignatureInvalid, match="before"):
        strict.verify(again)
    assert lax.verify(again) is not None
    assert lax.verify(again) is not None


def test_a_forged_request_takes_no_room_in_the_memory_of_nonces() -> None:
    strict = verifier(HMAC, once=True)
    strict._once = Once(most=1)
    for _ in range(3):
        with pytest.raises(SignatureInvalid):
            strict.verify(put(request(HMAC), "X-User-Id", "admin"))
    assert strict.verify(request(HMAC)) is not None
    [told] = request(HMAC).values("signature-input")
    with pytest.raises((MemoryFull, SignatureInvalid)):
        strict.verify(put(request(HMAC), "Signature-Input", told))


def test_nobody_passes_only_where_that_is_wanted() -> None:
    nobody = request(HMAC, anonymous=True)
    assert sender(verifier(HMAC), lambda: nobody, anonymous=True) is None
    with pytest.raises(CallerMissing):
        sender(verifier(HMAC), lambda: nobody, anonymous=False)

    def contradicting() -> Received:
        raise Invalid("two paths")

    with pytest.raises(SignatureInvalid):
        sender(verifier(HMAC), contradicting, anonymous=True)


def test_keys_out_of_reach_are_an_outage() -> None:
    away = verifier(ED25519, jwks=None, jwks_url="http://127.0.0.1:9/")
    with pytest.raises(KeysUnavailable):
        away.verify(request(ED25519))


@pytest.mark.parametrize(
    "facts",
    [
        {"audience": ""},
        {"leeway": 6},
        {"leeway": -1},
        {"shared": None},
        {"jwks_url": "https://gw.example.com/x"},
        {"headers": {"X-User-Email": "email"}},
        {"headers": {"X-User-Id": "id", "X_User_Id": "name"}},
        {"headers": {"X-User-Id": "id", "X-Other": "id"}},
        {"headers": {"X-User-Id": "id", "X-Name": "name", "X_Name": "email"}},
        {"headers": {"X-User-Id": "id", "X-Shoe": "shoe size"}},
        {"headers": {"X-User-Id": "id", "X-Shoe": "names"}},
    ],
)
def test_what_could_not_protect_is_refused_at_once(facts: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"."):
        verifier(HMAC, **facts)


def test_other_names_and_an_audience_beyond_ASCII() -> None:
    told = IdentityHeaders(
        headers=(("Remote-User", "name"), ("X-Provider", "provider")), assertion=None, signature=ED25519
    )
    to = told_route(identity=told, upstream=upstream_at(1, audience='100% "ü"'))
    good = received(dresser(to, clock=FakeClock(NOW)).dress(inbound(), to, session(name="Zoë")).head)
    named = {"Remote-User": "id", "X-Provider": "provider"}
    caller = verifier(ED25519, audience='100% "ü"', headers=named, assertion=None).verify(good)
    assert caller is not None
    assert (caller.id, caller.provider) == ("Zoë", "demo")


@pytest.mark.parametrize("name", ["Remote_User", "remote.user"])
def test_I14_a_header_of_a_legacy_spelling_verifies_in_that_spelling_alone(name: str) -> None:
    told = IdentityHeaders(headers=((name, "id"),), assertion="X_Assertion", signature=ED25519)
    to = told_route(identity=told)
    good = received(dresser(to, clock=FakeClock(NOW)).dress(inbound(), to, session()).head)
    checking = verifier(ED25519, headers={name: "id"}, assertion="X_Assertion")
    caller = checking.verify(good)
    assert caller is not None
    assert caller.id == "u-1"
    for other in ("Remote-User", "Remote_User", "remote.user", "X-Assertion"):
        with pytest.raises(SignatureInvalid):
            checking.verify(replace(good, fields=(*good.fields, (other, "u-2"))))
    respelled = tuple(("Remote-User" if field == name else field, value) for field, value in good.fields)
    with pytest.raises(SignatureInvalid):
        checking.verify(replace(good, fields=respelled))


@given(st.data())
def test_I13_one_changed_byte_anywhere_in_what_is_covered_is_refused(data: st.DataObject) -> None:
    good = request(ED25519)
    covered = [index for index, (name, _) in enumerate(good.fields) if name.startswith(("X-User", "Sig"))]
    index = data.draw(st.sampled_from(covered))
    name, value = good.fields[index]
    at = data.draw(st.integers(0, len(value) - 1))
    other = data.draw(st.characters(min_codepoint=0x21, max_codepoint=0x7E).filter(lambda c: c != value[at]))
    changed = (*good.fields[:index], (name, value[:at] + other + value[at + 1 :]), *good.fields[index + 1 :])
    with pytest.raises(SignatureInvalid):
        verifier(ED25519).verify(replace(good, fields=changed))

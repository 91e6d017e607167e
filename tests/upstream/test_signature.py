"""Signed requests: what goes out is what was signed, and another implementation of RFC 9421 agrees."""

import re
from base64 import b64encode
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from http_message_signatures import InvalidSignature
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import OKPKey

from gateway.keys import base64url
from gateway.keys.keyring import KeyRing
from gateway.keys.request_keys import SharedKey
from gateway.model.route import IdentityHeaders, RequestAlgorithm, Route
from gateway.request_keys import RequestKeys
from gateway.upstream.headers import Dresser
from gateway.upstream.signature import LIFE, NOTHING, RequestSigner, Signatures, authority, covered, tagged
from tests.fakes.clock import FakeClock
from tests.fakes.dressing import PUBLIC_URL, TOLD, dresser, inbound, session, told_route, upstream_at, values
from tests.fakes.signed_requests import verified

RING = KeyRing((b"k" * 32,), scope=PUBLIC_URL)
HMAC = replace(TOLD, signature=RequestAlgorithm.HMAC_SHA256)
ED25519 = replace(TOLD, signature=RequestAlgorithm.ED25519)
SHARED = b"s" * 32
# That library lists the parameters, which every signature covers, among the components.
DERIVED = {'"@method"', '"@authority"', '"@path"', '"@query"', '"@signature-params"'}


def public() -> Ed25519PublicKey:
    key = OKPKey.import_key(RING.ed25519_keys()[0].jwk).raw_value  # type: ignore[arg-type]
    assert isinstance(key, Ed25519PublicKey)
    return key


def shared(audience: str = "app") -> bytes:
    return base64url.decode(str(RING.shared_keys(audience)[0].secret_jwk()["k"]).encode())


def signed(identity: IdentityHeaders, **facts: object) -> Route:
    return told_route(identity=identity, **facts)


def key_of(identity: IdentityHeaders) -> bytes | Ed25519PublicKey:
    return shared() if identity is HMAC else public()


def test_the_two_lines_byte_for_byte() -> None:
    signer = RequestSigner(
        SharedKey(SHARED),
        audience="wiki",
        clock=FakeClock(1_800_000_000.9),
        random=lambda count: b"\0" * count,
    )
    lines = signer.lines(
        method=b"GET", authority=b"app:3000", target=b"/a%2fb?x", told=covered(b"X-User-Id: u-1\r\n")
    )
    parameters = (
        b'("@method" "@authority" "@path" "@query" "x-user-id");created=1800000000;expires=1800000060'
        b';nonce="AAAAAAAAAAAAAAAAAAAAAAAA";keyid="%s";alg="hmac-sha256";tag="wiki"'
        % SharedKey(SHARED).keyid.encode()
    )
    base = (
        b'"@method": GET\n"@authority": app:3000\n"@path": /a%2fb\n"@query": ?x\n"x-user-id": u-1\n'
        b'"@signature-params": ' + parameters
    )
    assert lines == (
        b"Signature-Input: gateway=" + parameters + b"\r\n"
        b"Signature: gateway=:" + b64encode(SharedKey(SHARED).sign(base)) + b":\r\n"
    )


@pytest.mark.parametrize("identity", [HMAC, ED25519])
def test_I13_another_implementation_finds_method_address_and_every_header_covered(
    identity: IdentityHeaders,
) -> None:
    route = signed(identity)
    outbound = dresser(route).dress(inbound(), route, session())
    [found] = verified(outbound.head, key_of(identity))
    assert set(found.covered_components) == DERIVED | {
        f'"{name}"' for name in ("x-user-id", "x-user-email", "x-user-name", "x-user-roles", "x-user-groups")
    } | {'"x-gateway-assertion"'}
    assert found.label == "gateway"
    assert found.parameters["expires"] - found.parameters["created"] == LIFE
    assert found.parameters["tag"] == "app"


PCHARS = st.text("abcXYZ019-._~!$&'()*+,;=:@", max_size=8)
ENCODED = st.sampled_from(["%41", "%2f", "%2F", "%c3%a9", "%25", "%20"])
SEGMENTS = st.lists(st.one_of(PCHARS, ENCODED), max_size=5).map("".join)
PATHS = (
    st.lists(SEGMENTS, max_size=4)
    .map(lambda segments: "/" + "/".join(segments))
    .filter(lambda path: not path.startswith("//"))
)
PARTS = st.lists(st.one_of(PCHARS, ENCODED), max_size=6)
QUERIES = st.one_of(st.just(""), PARTS.map(lambda parts: "?" + "".join(parts)))
TARGETS = st.tuples(PATHS, QUERIES).map("".join)
METHODS = st.sampled_from(["GET", "POST", "DELETE", "X-A"])
WORDS = st.text(min_size=1, max_size=20).filter(
    lambda text: not re.search("[\x00-\x1f\x7f-\x9f\ud800-\udfff]", text)
)


@given(target=TARGETS, name=WORDS, groups=st.lists(WORDS, max_size=3), method=METHODS)
@pytest.mark.parametrize("identity", [HMAC, ED25519])
def test_whatever_is_asked_and_whoever_asks_the_signature_holds(
    identity: IdentityHeaders, target: str, name: str, groups: list[str], method: str
) -> None:
    route = signed(identity)
    request = inbound(target=target.encode(), method=method)
    outbound = dresser(route).dress(request, route, session(name=name, groups=tuple(groups)))
    assert len(verified(outbound.head, key_of(identity))) == 1


@pytest.mark.parametrize(
    ("was", "now"),
    [
        (b"GET ", b"PUT "),
        (b"/page", b"/pagf"),
        (b"?x=1", b"?x=2"),
        (b"?x=1", b""),
        (b"Host: 127.0.0.1:9401", b"Host: 127.0.0.1:9402"),
        (b"X-User-Id: u-1", b"X-User-Id: u-2"),
        (b"X-User-Roles: admin,editor\r\n", b""),
        (b"X-Gateway-Assertion: e", b"X-Gateway-Assertion: f"),
        (b";created=18", b";created=19"),
        (b'tag="app"', b'tag="apq"'),
    ],
)
def test_I13_one_change_and_another_implementation_refuses(was: bytes, now: bytes) -> None:
    route = signed(HMAC)
    head = dresser(route).dress(inbound(), route, session()).head
    assert was in head
    with pytest.raises(Exception, match=r"."):
        verified(head.replace(was, now, 1), shared())


def test_an_upstream_never_verifies_what_another_one_got() -> None:
    route = signed(HMAC)
    head = dresser(route).dress(inbound(), route, session()).head
    with pytest.raises(InvalidSignature):
        verified(head, shared("other"))


def test_what_the_upstream_sees_is_what_is_signed_with_a_prefix_stripped() -> None:
    route = replace(signed(HMAC, strip_prefix=True), path="/wiki")
    outbound = dresser(route).dress(inbound(target=b"/wiki/a%20b?", path="/wiki/a b"), route, session())
    assert outbound.head.startswith(b"GET /a%20b? ")
    assert len(verified(outbound.head, shared())) == 1


def test_the_authority_is_lower_case_however_it_is_written() -> None:
    assert authority("Wiki.Example.com:443", tls=True) == b"wiki.example.com"


@pytest.mark.parametrize(
    ("host", "tls", "signed_as"),
    [
        ("wiki.example.com", False, b"wiki.example.com"),
        ("wiki.example.com:80", False, b"wiki.example.com"),
        ("wiki.example.com:443", True, b"wiki.example.com"),
        ("wiki.example.com:443", False, b"wiki.example.com:443"),
        ("[::1]:8080", False, b"[::1]:8080"),
    ],
)
def test_the_authority_is_normal(host: str, tls: bool, signed_as: bytes) -> None:
    assert authority(host, tls=tls) == signed_as
    route = signed(HMAC, upstream=upstream_at(9401, tls=tls, preserve_host=True))
    outbound = dresser(route).dress(inbound(host=host), route, session())
    assert values(outbound, b"host") == [host.encode()]
    assert len(verified(outbound.head, shared(), scheme="https" if tls else "http")) == 1


def test_a_request_for_nobody_is_signed_too_and_covers_no_header() -> None:
    route = signed(HMAC)
    [found] = verified(dresser(route).dress(inbound(), route, None).head, shared())
    assert set(found.covered_components) == DERIVED


def test_nothing_is_signed_where_it_is_off() -> None:
    outbound = dresser(signed(TOLD)).dress(inbound(), signed(TOLD), session())
    assert not values(outbound, b"signature")
    assert not values(outbound, b"signature-input")
    assert outbound.repeated() is outbound


def test_I14_a_clients_signature_never_arrives_beside_ours() -> None:
    route = signed(HMAC)
    forged = ((b"Signature", b"gateway=:AA==:"), (b"signature_input", b"x"), (b"Signature.Input", b"y"))
    outbound = dresser(route).dress(inbound(*forged), route, session())
    assert len(values(outbound, b"signature")) == len(values(outbound, b"signature-input")) == 1
    assert b"signature_input" not in outbound.head.lower().replace(b"signature-input", b"")
    assert b"AA==" not in values(outbound, b"signature")[0][:20]


def test_H43_what_is_sent_again_has_a_nonce_and_a_time_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, counter = FakeClock(), iter(range(9))
    route = signed(HMAC)
    made = dresser(route, clock=clock)
    monkeypatch.setattr(made._signatures, "_random", lambda count: bytes([next(counter)]) * count)
    first = made.dress(inbound(length=None), route, session())
    clock.advance(5)
    second = first.repeated()
    assert values(first, b"signature-input") != values(second, b"signature-input")
    assert values(first, b"x-user-id") == values(second, b"x-user-id")
    assert len(verified(second.head, shared())) == 1


def test_a_caller_whose_roles_changed_is_signed_as_they_are_now() -> None:
    route = signed(HMAC)
    made: Dresser = dresser(route)
    for roles in (("admin",), ("editor",)):
        outbound = made.dress(inbound(), route, session(roles=roles))
        assert values(outbound, b"x-user-roles") == [roles[0].encode()]
        assert len(verified(outbound.head, shared())) == 1


def test_an_audience_that_no_string_can_hold_is_encoded_without_confusion() -> None:
    assert tagged("wiki") == "wiki"
    assert tagged("http://127.0.0.1:3000") == "http://127.0.0.1:3000"
    assert tagged('a"b\\c%é') == "a%22b%5Cc%25%C3%A9"


def test_I13_each_route_signs_for_its_own_audience_with_a_nonce_of_its_own() -> None:
    signatures = Signatures(RequestKeys(RING, given={}), clock=FakeClock())
    made = []
    for audience, tag in ((None, b"app"), (None, b"app"), ("wiki", b"wiki")):
        signer = signatures.signer(signed(HMAC, audience=audience))
        assert signer is not None
        made.append(signer.lines(method=b"GET", authority=b"app", target=b"/", told=NOTHING))
        assert b';tag="%b"\r\n' % tag in made[-1]
    assert len({each.partition(b';nonce="')[2][:24] for each in made}) == 3
    assert signatures.signer(signed(HMAC, upstream=None)) is None


def test_nothing_covered_is_nothing_in_the_base() -> None:
    assert (NOTHING.base, NOTHING.names) == (covered(b"").base, covered(b"").names)
    assert "u-1" not in repr(covered(b"X-User-Id: u-1\r\n"))

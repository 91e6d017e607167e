import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import OKPKey

from gateway.errors import IssuerUnavailable
from gateway.relying_party.http import IssuerHttp
from gateway.relying_party.jwks import (
    MOST_KEYS,
    ClientSecretKey,
    FormerKey,
    IssuerKeys,
    PublishedKeys,
    read_key,
    read_keys,
    serves,
)
from gateway.relying_party.key_discovery import KeyPlace
from tests.fakes.issuer import b64, ec_key, rsa_key
from tests.fakes.jwks_endpoint import serving
from tests.fakes.login import Hands


class Anywhere:
    """Where keys are, as a test says."""

    def __init__(self, place: KeyPlace) -> None:
        self.place = place

    async def metadata(self) -> KeyPlace:
        return self.place


def public(key: Any, **changes: Any) -> dict[str, Any]:
    return {
        name: value for name, value in {**key.as_dict(private=False), **changes}.items() if value is not None
    }


RSA = public(rsa_key("rsa-1"))
EC = public(ec_key("ec-1"))
ED = public(OKPKey.generate_key("Ed25519", {"kid": "ed-1"}))


@pytest.mark.parametrize(
    ("jwk", "algorithm"), [(RSA, "RS256"), (EC, "ES256"), (ED, "EdDSA"), (ED, "Ed25519")]
)
def test_each_key_serves_its_algorithm(jwk: dict[str, Any], algorithm: str) -> None:
    key = read_key(jwk)
    assert key is not None
    assert serves(key, algorithm)


@pytest.mark.parametrize(
    ("jwk", "algorithm"),
    [(RSA, "PS256"), (RSA, "ES256"), (EC, "ES384"), (EC, "RS256"), (ED, "ES256"), (RSA, "HS256"), (RSA, "?")],
)
def test_T19_no_key_serves_another(jwk: dict[str, Any], algorithm: str) -> None:
    key = read_key(jwk)
    assert key is not None
    assert not serves(key, algorithm)


@pytest.mark.parametrize(
    "jwk",
    [
        {},
        {"kty": ["RSA"]},
        {**RSA, "kty": "PQC"},
        {**RSA, "d": "AQAB"},
        {**RSA, "use": "enc"},
        {**RSA, "key_ops": ["sign"]},
        {**RSA, "key_ops": "verify"},
        {**RSA, "kid": 7},
        {**RSA, "kid": "k" * 257},
        {**RSA, "n": "AQAB"},
        {**RSA, "n": "/w" * 500},
        {**RSA, "n": None},
        {**RSA, "e": b64(b"\x01" * 9)},
        {**RSA, "e": "AA"},
        {**EC, "crv": "P-999"},
        {**EC, "crv": "secp256k1"},
        {**EC, "y": EC["x"]},
        {**EC, "x": "AQ"},
        {**ED, "crv": "X25519"},
        {**ED, "x": "AQ"},
        {"kty": "oct", "k": "c2VjcmV0"},
    ],
)
def test_T22_an_unusable_key_is_skipped(jwk: dict[str, Any]) -> None:
    assert read_key(jwk) is None


@pytest.mark.parametrize(("bits", "taken"), [(2047, False), (2048, True), (8192, True), (8193, False)])
def test_T22_the_size_of_an_rsa_key_is_bounded_both_ways(bits: int, taken: bool) -> None:
    modulus = (2 ** (bits - 1) + 1).to_bytes((bits + 7) // 8, "big")
    assert (read_key({**RSA, "n": b64(modulus)}) is not None) is taken


def test_members_that_do_not_matter_spoil_no_key() -> None:
    assert read_key({**RSA, "x5c": 7, "x5u": "http:", "ext": True, "key_ops": ["verify"]}) is not None


@given(
    st.dictionaries(
        st.sampled_from([*RSA, *EC, "key_ops", "d"]),
        st.none() | st.text() | st.integers() | st.lists(st.text()) | st.sampled_from([*RSA.values()]),
    )
)
def test_no_jwk_breaks_the_reading(jwk: dict[str, object]) -> None:
    read_key(jwk)
    read_key({**EC, **jwk})


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"keys": 1}', b'{"keys": {}}', b'{"keys": [], "keys": []}']
)
def test_what_is_no_key_set_is_an_outage(body: bytes) -> None:
    with pytest.raises(IssuerUnavailable):
        read_keys(body)


@pytest.mark.parametrize(
    ("count", "taken"), [(MOST_KEYS - 1, True), (MOST_KEYS, True), (MOST_KEYS + 1, False)]
)
def test_T22_the_number_of_keys_is_bounded(count: int, taken: bool) -> None:
    body = json.dumps({"keys": [EC] + [1] * (count - 1)}).encode()
    if taken:
        assert len(read_keys(body)) == 1
        return
    with pytest.raises(IssuerUnavailable):
        read_keys(body)


def test_a_kid_chooses_among_keys_and_its_absence_does_not() -> None:
    other = public(ec_key("ec-2"))
    nameless = public(ec_key("ec-3"), kid=None)
    keys = PublishedKeys(
        keys=read_keys(json.dumps({"keys": [EC, other, nameless, RSA]}).encode()), clock=Hands()
    )
    assert [key.kid for key in keys.matching("ec-2", "ES256")] == ["ec-2"]
    assert len(keys.matching(None, "ES256")) == 3
    assert keys.matching("", "ES256") == ()
    assert keys.matching("rsa-1", "ES256") == ()


def test_T20_former_keys_count_for_a_while() -> None:
    clock = Hands()
    key = read_key(EC)
    assert key is not None
    keys = PublishedKeys(keys=(), former=(FormerKey(key, clock() + 300),), clock=clock)
    assert keys.matching("ec-1", "ES256")
    clock.now += 300
    assert not keys.matching("ec-1", "ES256")


async def test_T20_T22_former_keys_of_however_many_sets_are_bounded() -> None:
    clock, http = Hands(), IssuerHttp()
    with serving() as endpoint:
        place = KeyPlace(issuer="https://issuer.example", jwks_uri=endpoint.url)
        source = IssuerKeys(Anywhere(place), http=http, clock=clock)
        found: Any = None
        for number in range(3):
            made = [public(ec_key(f"ec-{number}-{each}")) for each in range(MOST_KEYS)]
            endpoint.body = json.dumps({"keys": made}).encode()
            found = await (source.current() if found is None else source.newer(than=found))
            clock.now += 61
    await http.close()
    assert (len(found.keys), len(found.former)) == (MOST_KEYS, MOST_KEYS)
    assert {each.key.kid for each in found.former} == {f"ec-1-{each}" for each in range(MOST_KEYS)}


async def test_the_client_secret_is_its_own_source() -> None:
    source = ClientSecretKey("a secret of at least 32 bytes, for HMAC")
    keys = await source.current()
    assert await source.newer(than=keys) is keys
    assert len(keys.matching("any", "HS256")) == 1
    assert keys.matching(None, "RS256") == ()

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import ECKey
from jwcrypto.jwk import JWK
from jwcrypto.jws import JWS

from gateway.keys import base64url
from gateway.keys.signing import SEED, SigningKey, SigningKeys

KEY = SigningKey(b"s" * SEED)


def signed(key: SigningKey, payload: bytes) -> bytes:
    head = base64url.encode(b'{"alg":"ES256","kid":"%s"}' % key.kid.encode())
    data = head + b"." + base64url.encode(payload)
    return data + b"." + base64url.encode(key.sign(data))


def test_a_signature_is_r_and_s_and_both_libraries_verify_it() -> None:
    token = signed(KEY, b"claims")
    assert len(KEY.sign(b"x")) == 64
    assert (
        jws.deserialize_compact(token, ECKey.import_key(KEY.jwk), algorithms=["ES256"]).payload == b"claims"
    )
    theirs = JWS()
    theirs.allowed_algs = ["ES256"]
    theirs.deserialize(token.decode(), JWK(**KEY.jwk))
    assert theirs.payload == b"claims"


def test_the_kid_is_the_thumbprint_and_the_jwk_holds_nothing_private() -> None:
    assert KEY.kid == ECKey.import_key(KEY.jwk).thumbprint()
    assert set(KEY.jwk) == {"kty", "crv", "x", "y", "kid", "use", "alg"}


@given(st.binary(min_size=SEED, max_size=SEED))
@settings(max_examples=25)
def test_every_seed_makes_a_key_and_the_same_one_each_time(seed: bytes) -> None:
    assert SigningKey(seed).kid == SigningKey(seed).kid


@pytest.mark.parametrize("seed", [b"\x00" * SEED, b"\xff" * SEED])
def test_the_extreme_seeds_make_keys(seed: bytes) -> None:
    assert len(SigningKey(seed).sign(b"x")) == 64


def test_B129_the_first_key_signs_and_all_are_published() -> None:
    new, old = SigningKey(b"n" * SEED), SigningKey(b"o" * SEED)
    ring = SigningKeys([new, old])
    assert ring.current is new
    assert ring.jwks() == {"keys": [new.jwk, old.jwk]}


def test_pem_is_the_public_half_of_every_key_in_order() -> None:
    other = SigningKey(b"t" * SEED)
    keys = SigningKeys([KEY, other])
    blocks = keys.pem().split("-----END PUBLIC KEY-----\n")[:-1]
    assert [ECKey.import_key(f"{each}-----END PUBLIC KEY-----\n").thumbprint() for each in blocks] == [
        KEY.kid,
        other.kid,
    ]
    assert keys.kids == (KEY.kid, other.kid)
    assert "PRIVATE" not in keys.pem()

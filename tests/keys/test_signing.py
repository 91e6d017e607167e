from typing import Any

import hypothesis
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from hypothesis import settings
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import ECKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry
from jwcrypto.jwk import JWK
from jwcrypto.jws import JWS

from gateway.keys import base64url
from gateway.keys.signing import SEED, SigningKey, SigningKeyRefused, SigningKeys, derived, given

KEY = derived(b"s" * SEED)


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


@hypothesis.given(st.binary(min_size=SEED, max_size=SEED))
@settings(max_examples=25)
def test_every_seed_makes_a_key_and_the_same_one_each_time(seed: bytes) -> None:
    assert derived(seed).kid == derived(seed).kid


@pytest.mark.parametrize("seed", [b"\x00" * SEED, b"\xff" * SEED])
def test_the_extreme_seeds_make_keys(seed: bytes) -> None:
    assert len(derived(seed).sign(b"x")) == 64


def test_B129_the_first_key_signs_and_all_are_published() -> None:
    new, old = derived(b"n" * SEED), derived(b"o" * SEED)
    ring = SigningKeys([new, old])
    assert ring.current is new
    assert ring.jwks() == {"keys": [new.jwk, old.jwk]}


def test_pem_is_the_public_half_of_every_key_in_order() -> None:
    other = derived(b"t" * SEED)
    keys = SigningKeys([KEY, other])
    blocks = keys.pem().split("-----END PUBLIC KEY-----\n")[:-1]
    assert [ECKey.import_key(f"{each}-----END PUBLIC KEY-----\n").thumbprint() for each in blocks] == [
        KEY.kid,
        other.kid,
    ]
    assert keys.kids == (KEY.kid, other.kid)
    assert "PRIVATE" not in keys.pem()


def in_pem(private: Any, *, passphrase: bytes | None = None) -> str:
    sealing = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    return str(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, sealing).decode())


@pytest.mark.parametrize(
    ("private", "alg", "size", "kind"),
    [
        (ec.generate_private_key(ec.SECP256R1()), "ES256", 64, ECKey),
        (Ed25519PrivateKey.generate(), "EdDSA", 64, OKPKey),
        (rsa.generate_private_key(65537, 2048), "RS256", 256, RSAKey),
    ],
    ids=["ES256", "EdDSA", "RS256"],
)
def test_a_given_key_says_by_its_type_how_it_signs_and_joserfc_verifies_it(
    private: Any, alg: str, size: int, kind: Any
) -> None:
    key = given(in_pem(private))
    public = kind.import_key(key.jwk)
    assert (key.alg, len(key.sign(b"x")), key.kid) == (alg, size, public.thumbprint())
    assert JWSRegistry.algorithms[alg].verify(b"x", key.sign(b"x"), public)
    assert not public.is_private
    assert {"d", "p", "q"}.isdisjoint(key.jwk)
    assert "BEGIN PUBLIC KEY" in key.pem()


@pytest.mark.parametrize(
    ("pem", "why"),
    [
        (in_pem(ec.generate_private_key(ec.SECP384R1())), "none of P-256"),
        (in_pem(X25519PrivateKey.generate()), "none of P-256"),
        (in_pem(rsa.generate_private_key(65537, 1024)), "has 1024 bits"),
        (in_pem(Ed25519PrivateKey.generate(), passphrase=b"secret"), "passphrase"),
        ("-----BEGIN PRIVATE KEY-----\nbm8=\n-----END PRIVATE KEY-----\n", "not a private key"),
        ("", "not a private key"),
    ],
    ids=["P-384", "X25519", "short RSA", "passphrase", "broken", "nothing"],
)
def test_what_cannot_sign_is_refused_and_never_quoted(pem: str, why: str) -> None:
    with pytest.raises(SigningKeyRefused, match=why) as refused:
        given(pem)
    assert refused.value.__cause__ is None
    assert not pem or pem.splitlines()[1] not in str(refused.value)


def test_B129_given_keys_sign_and_those_made_of_the_secret_stay_published() -> None:
    own = given(in_pem(Ed25519PrivateKey.generate()))
    keys = SigningKeys([KEY]).after([own])
    assert keys.current is own
    assert keys.kids == (own.kid, KEY.kid)
    assert SigningKeys([KEY]).after([]).current is KEY

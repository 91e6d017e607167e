"""Keys that sign requests: named by themselves, told to nobody by accident."""

from base64 import urlsafe_b64decode

import pytest
from joserfc.jwk import OctKey, OKPKey

from gateway.keys.keyring import KeyRing
from gateway.keys.request_keys import ED25519_SEED, Ed25519Key, SharedKey
from gateway.keys.signing import derived

SITE = "https://gw.example.com"
SHARED = SharedKey(b"s" * 32)
PUBLIC = Ed25519Key(b"e" * ED25519_SEED)


def test_a_shared_key_is_exported_whole_and_known_by_what_it_is() -> None:
    jwk = SHARED.secret_jwk()
    assert OctKey.import_key(jwk).raw_value == b"s" * 32  # type: ignore[arg-type]
    assert jwk["kid"] == SHARED.keyid == SharedKey(b"s" * 32).keyid
    assert SharedKey(b"t" * 32).keyid != SHARED.keyid
    assert len(urlsafe_b64decode(SHARED.keyid)) == 9


def test_no_key_shows_its_secret_where_it_is_printed() -> None:
    assert "sss" not in f"{SHARED!r} {SHARED}"
    assert "eee" not in f"{PUBLIC!r} {PUBLIC}"


def test_an_ed25519_key_publishes_its_public_half_alone() -> None:
    assert set(PUBLIC.jwk) == {"kty", "crv", "x", "kid", "use", "alg"}
    published = OKPKey.import_key(PUBLIC.jwk)  # type: ignore[arg-type]
    assert published.thumbprint() == PUBLIC.keyid
    published.raw_value.verify(PUBLIC.sign(b"x"), b"x")  # type: ignore[union-attr]
    assert OKPKey.import_key(PUBLIC.pem()).thumbprint() == PUBLIC.keyid
    assert "PRIVATE" not in PUBLIC.pem()


def test_B132_every_audience_purpose_and_gateway_has_its_own_key() -> None:
    here, there = KeyRing([b"k" * 32], scope=SITE), KeyRing([b"k" * 32], scope="https://other.example")
    tags = [ring.shared_keys(name)[0].sign(b"x") for ring in (here, there) for name in ("wiki", "wik", "")]
    tags += [ring.mac("wiki").tag(b"x") for ring in (here, there)]
    assert len(set(tags)) == len(tags)
    assert here.ed25519_keys()[0].keyid != there.ed25519_keys()[0].keyid


def test_B129_the_first_secret_signs_and_the_keys_of_all_are_known() -> None:
    ring, old = KeyRing([b"n" * 32, b"o" * 32], scope=SITE), KeyRing([b"o" * 32], scope=SITE)
    assert [key.keyid for key in ring.shared_keys("wiki")][1:] == [old.shared_keys("wiki")[0].keyid]
    assert [key.keyid for key in ring.ed25519_keys()][1:] == [old.ed25519_keys()[0].keyid]


@pytest.mark.parametrize("key", [SHARED, PUBLIC])
def test_an_algorithm_is_named_as_RFC_9421_names_it(key: SharedKey | Ed25519Key) -> None:
    assert key.alg == ("hmac-sha256" if key is SHARED else "ed25519")
    assert key.keyid != derived(b"s" * 48).kid

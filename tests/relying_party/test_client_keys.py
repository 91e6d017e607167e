import json
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import KeySet

from gateway.relying_party.client_keys import ClientKey, ClientKeyRefused, fresh_id, public_set
from tests.fakes.client_keys import pem


@pytest.mark.parametrize(
    ("kind", "algorithm"),
    [
        ("P-256", "ES256"),
        ("P-384", "ES384"),
        ("P-521", "ES512"),
        ("Ed25519", "EdDSA"),
        ("RSA2048", "PS256"),
    ],
)
def test_a_key_has_the_usual_algorithm_of_its_type_and_its_thumbprint_for_a_name(
    kind: str, algorithm: str
) -> None:
    key = ClientKey(pem=pem(kind))
    assert (key.algorithm, key.kid) == (algorithm, key.key.thumbprint())
    token = key.sign({"a": 1}, kind="x+jwt")
    keys = KeySet.import_key_set(public_set([key]))  # type: ignore[arg-type]
    with warnings.catch_warnings(action="ignore"):  # of the name EdDSA
        read = jws.deserialize_compact(token, keys, algorithms=[algorithm])
    assert read.headers() == {"alg": algorithm, "kid": key.kid, "typ": "x+jwt"}
    assert json.loads(read.payload) == {"a": 1}


def test_algorithm_and_kid_are_the_operators_where_they_are_written() -> None:
    key = ClientKey(pem=pem("RSA2048"), algorithm="RS256", kid="2026-11")
    assert key.public()["alg"] == "RS256"
    assert key.public()["kid"] == "2026-11"


@pytest.mark.parametrize("algorithm", ["HS256", "none", "ES384", "RS256"])
def test_T02_a_key_never_signs_with_what_is_not_its_types(algorithm: str) -> None:
    with pytest.raises(ClientKeyRefused, match="is no key for"):
        ClientKey(pem=pem(), algorithm=algorithm)


@pytest.mark.parametrize("kind", ["X25519", "secp256k1", "RSA1024"])
def test_keys_that_cannot_sign_or_are_weak_are_refused(kind: str) -> None:
    with pytest.raises(ClientKeyRefused):
        ClientKey(pem=pem(kind))


@given(st.text() | st.builds("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----".format, st.text()))
def test_what_is_no_key_is_refused_without_being_quoted(text: str) -> None:
    with pytest.raises(ClientKeyRefused) as caught:
        ClientKey(pem=text)
    assert len(text) < 8 or text not in str(caught.value)


def test_O34_a_private_key_is_in_no_repr_and_in_no_published_set() -> None:
    key = ClientKey(pem=pem())
    assert "PRIVATE" not in repr(key)
    assert not {"d", "p", "q"} & public_set([key])["keys"][0].keys()  # type: ignore[index]


def test_keys_alike_are_equal_so_that_a_reload_keeps_what_was_made_with_them() -> None:
    assert ClientKey(pem=pem()) == ClientKey(pem=pem())
    assert hash(ClientKey(pem=pem())) == hash(ClientKey(pem=pem()))


def test_T24_ids_are_random() -> None:
    assert len({fresh_id() for _ in range(100)}) == 100

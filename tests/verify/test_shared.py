"""Shared keys, read as strictly as what they protect."""

from typing import Any

import pytest

from gateway.keys.request_keys import SharedKey
from gateway.verify.shared import SharedKeys

KEY = SharedKey(b"s" * 32)


def test_what_the_gateway_exports_is_read() -> None:
    keys = SharedKeys({"keys": [KEY.secret_jwk(), SharedKey(b"o" * 40).secret_jwk()]})
    assert keys.find(KEY.keyid) == b"s" * 32
    assert keys.find("another") is None


@pytest.mark.parametrize(
    "changed",
    [
        {"kty": "RSA"},
        {"alg": "HS512"},
        {"kid": ""},
        {"kid": 7},
        {"k": None},
        {"k": "not base64url!"},
        {"k": "c2hvcnQ"},
    ],
)
def test_what_is_no_shared_key_of_enough_bytes_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="key"):
        SharedKeys({"keys": [{**KEY.secret_jwk(), **changed}]})


@pytest.mark.parametrize("jwks", [{}, {"keys": []}, {"keys": "x"}, {"keys": [7]}])
def test_a_set_without_a_key_is_refused(jwks: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="key"):
        SharedKeys(jwks)

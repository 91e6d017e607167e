"""Assertions as a gateway signs them, and as somebody else would like to."""

import json
from base64 import urlsafe_b64encode
from typing import Any

from joserfc.jwk import ECKey, Key
from joserfc.jws import JWSRegistry

ISSUER = "https://gateway.example.com"
AUDIENCE = "wiki"
NOW = 1_800_000_000
CLAIMS: dict[str, Any] = {
    "iss": ISSUER,
    "aud": AUDIENCE,
    "sub": "u-1",
    "sid": "5e551011",
    "iat": NOW - 10,
    "exp": NOW + 50,
    "jti": "j-1",
    "roles": ["admin"],
    "groups": ["staff"],
    "idp": "demo",
    "auth_time": NOW - 1000,
    "email": "zo\u00eb@example.com",
    "name": "Zo\u00eb",
}


def base64url(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def new_key(kid: str = "k1") -> ECKey:
    return ECKey.generate_key("P-256", {"kid": kid, "use": "sig", "alg": "ES256"})


def jwks(*keys: Key) -> dict[str, object]:
    return {"keys": [key.as_dict(private=False) for key in keys]}


def signed(
    key: Key, claims: object = None, *, raw: bytes | None = None, header: object = None, **changed: Any
) -> str:
    """Return an assertion over *claims* with *changed* laid over; *raw* is the payload's very bytes."""
    payload = {k: v for k, v in {**CLAIMS, **changed}.items() if v is not ...} if claims is None else claims
    head = {"alg": "ES256", "kid": key.kid, "typ": "JWT"} if header is None else header
    body = json.dumps(payload).encode() if raw is None else raw
    signing_input = (
        f"{base64url(head if isinstance(head, bytes) else json.dumps(head).encode())}.{base64url(body)}"
    )
    algorithm = head["alg"] if isinstance(head, dict) and head["alg"] in JWSRegistry.algorithms else "ES256"
    return f"{signing_input}.{base64url(JWSRegistry.algorithms[algorithm].sign(signing_input.encode(), key))}"

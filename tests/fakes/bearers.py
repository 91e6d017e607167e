"""Access tokens as the fake issuer might sign them for programs, with whatever is wrong about them.

raw = access_token(issuer, sub="reports")               # holds
raw = access_token(issuer, aud="elsewhere", exp=ABSENT)
"""

import json
from typing import Any

from joserfc.jwk import Key

from tests.fakes.issuer import ABSENT, HostileIssuer, sign

AUDIENCE = "https://api.example.com"
LIFETIME = 300


def claims_of(issuer: HostileIssuer, **changes: Any) -> dict[str, Any]:
    """Return the claims of RFC 9068 2.2, changed; ABSENT leaves one out."""
    now = int(issuer.clock())
    told: dict[str, Any] = {
        "iss": issuer.url,
        "sub": "reports",
        "client_id": "reports",
        "aud": AUDIENCE,
        "iat": now,
        "exp": now + LIFETIME,
        "jti": "jti-1",
        "scope": "read write",
    }
    return {name: value for name, value in {**told, **changes}.items() if value is not ABSENT}


def access_token(
    issuer: HostileIssuer, *, key: Key | None = None, header: dict[str, Any] | None = None, **changes: Any
) -> str:
    """Return a signed access token of *issuer* with these claims."""
    told = {"alg": issuer.algorithm, "kid": issuer.key.kid, "typ": "at+jwt", **(header or {})}
    head = {name: value for name, value in told.items() if value is not ABSENT}
    return sign(head, json.dumps(claims_of(issuer, **changes)).encode(), key or issuer.key)

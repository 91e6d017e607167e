"""The hostile issuer's side of a logout: an end-session endpoint in its metadata, logout tokens."""

import json
import secrets
from typing import Any

from gateway.relying_party.logout_token import EVENT
from tests.fakes.issuer import ABSENT, HostileIssuer, sign


def offers_logout(issuer: HostileIssuer) -> str:
    """Let *issuer* advertise an end-session endpoint and return it; nothing answers there."""
    endpoint = f"{issuer.url}/end-session"
    document = issuer.metadata
    setattr(issuer, "metadata", lambda: {**document(), "end_session_endpoint": endpoint})  # noqa: B010
    return endpoint


def logout_token(issuer: HostileIssuer, **changes: Any) -> str:
    """Return a logout token of now, signed by *issuer*; a value `ABSENT` removes a claim."""
    now = int(issuer.clock())
    said = {
        "iss": issuer.url,
        "aud": issuer.client_id,
        "iat": now,
        "exp": now + 120,
        "jti": secrets.token_urlsafe(16),
        "events": {EVENT: {}},
        **changes,
    }
    claims = {name: value for name, value in said.items() if value is not ABSENT}
    header = {"alg": issuer.algorithm, "kid": str(issuer.key.kid), "typ": "logout+jwt"}
    return sign(header, json.dumps(claims).encode(), issuer.key)

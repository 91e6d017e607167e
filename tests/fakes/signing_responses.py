"""An issuer that answers through the browser by a signed JWT (JARM), and commits faults in it.

issuer.response_claims    # laid over the claims of the next JWTs; ABSENT removes one
issuer.response_faults    # see RESPONSE_FAULTS
"""

import json

from tests.fakes.issuer import ABSENT, Claims, HostileIssuer, b64, rsa_key, sign

RESPONSE_FAULTS = {
    "plain": "the parameters themselves, unsigned",
    "both": "the JWT, and a code beside it",
    "twice": "two JWTs",
    "unsigned": "alg none",
    "foreign_key": "signed by a key that is not published",
}


class SigningResponsesIssuer(HostileIssuer):
    """See the module."""

    def __init__(self, **settings: object) -> None:
        super().__init__(**settings)  # type: ignore[arg-type]
        self.response_claims: Claims = {}
        self.response_faults: set[str] = set()

    def _response(self, asked: dict[str, str]) -> list[tuple[str, str]]:
        plain = super()._response(asked)
        if "plain" in self.response_faults:
            return plain
        claims = {**dict(plain), "iss": self.url, "aud": self.client_id, "exp": int(self.clock()) + 300}
        claims = {**claims, **self.response_claims}
        claims = {name: value for name, value in claims.items() if value is not ABSENT}
        pairs = [("response", self._signed(claims))] * (2 if "twice" in self.response_faults else 1)
        return pairs + ([("code", "another")] if "both" in self.response_faults else [])

    def _signed(self, claims: Claims) -> str:
        payload = json.dumps(claims).encode()
        if "unsigned" in self.response_faults:
            return f"{b64(json.dumps({'alg': 'none'}).encode())}.{b64(payload)}."
        key = rsa_key("foreign") if "foreign_key" in self.response_faults else self.key
        return sign({"alg": self.algorithm, "kid": str(self.key.kid)}, payload, key)

"""An issuer that knows its client by assertions (RFC 7523), and takes none twice.

issuer.keys = public JWKs             # of `private_key_jwt`; without, the client secret is the key
issuer.assertions                     # the claims of each assertion that came
"""

import json
import warnings
from base64 import urlsafe_b64decode

from aiohttp import web
from joserfc import jws
from joserfc.jwk import KeySet, OctKey

from tests.fakes.issuer import Claims, HostileIssuer

_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


class AssertedClientIssuer(HostileIssuer):
    """See the module."""

    def __init__(self, **settings: object) -> None:
        super().__init__(**settings)  # type: ignore[arg-type]
        self.keys: dict[str, object] | None = None
        self.assertions: list[Claims] = []
        self.heads: list[Claims] = []

    def _is_client(self, request: web.Request, form: dict) -> bool:  # type: ignore[type-arg]
        if "Authorization" in request.headers or "client_secret" in form:
            return False
        if form.get("client_assertion_type") != _TYPE or form.get("client_id") != self.client_id:
            return False
        raw = str(form["client_assertion"])
        head = json.loads(urlsafe_b64decode(raw.partition(".")[0] + "=="))
        if self.keys is None:
            token = jws.deserialize_compact(
                raw, OctKey.import_key(self.client_secret.encode()), algorithms=["HS256"]
            )
        else:
            known = KeySet.import_key_set(self.keys)  # type: ignore[arg-type]
            with warnings.catch_warnings(action="ignore"):  # of the name EdDSA
                token = jws.deserialize_compact(raw, known, algorithms=[head["alg"]])
        claims = json.loads(token.payload)
        fresh = claims["jti"] not in [each["jti"] for each in self.assertions]
        self.assertions.append(claims)
        self.heads.append(head)
        return fresh and claims["aud"] == self.url and claims["iss"] == claims["sub"] == self.client_id

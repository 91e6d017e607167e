"""An issuer that meets the FAPI 2.0 Security Profile, and lacks what it is told to lack.

issuer.overlay     # laid over its metadata; ABSENT removes a member
issuer.client_keys # public JWKs of its client: assertions must be signed with one
"""

import json
from base64 import urlsafe_b64decode

from aiohttp import web
from joserfc import jws
from joserfc.jwk import KeySet

from tests.fakes.issuer import ABSENT, Claims
from tests.fakes.proving import ProvingIssuer
from tests.fakes.pushed import PushedIssuer


class FapiIssuer(PushedIssuer, ProvingIssuer):
    """See the module."""

    def __init__(self, **settings: object) -> None:
        super().__init__(**{"algorithm": "ES256", **settings})
        self.overlay: Claims = {}

    def metadata(self) -> Claims:
        document = {
            **super().metadata(),
            "token_endpoint_auth_methods_supported": ["private_key_jwt", "tls_client_auth"],
            "dpop_signing_alg_values_supported": ["ES256", "PS256"],
            "tls_client_certificate_bound_access_tokens": True,
            **self.overlay,
        }
        return {name: value for name, value in document.items() if value is not ABSENT}

    def _is_client(self, request: web.Request, form: dict) -> bool:  # type: ignore[type-arg]
        raw = str(form["client_assertion"])
        head = json.loads(urlsafe_b64decode(raw.partition(".")[0] + "=="))
        known = KeySet.import_key_set(self.client_keys)  # type: ignore[arg-type]
        claims = json.loads(jws.deserialize_compact(raw, known, algorithms=[head["alg"]]).payload)
        return bool(claims["aud"] == self.url)

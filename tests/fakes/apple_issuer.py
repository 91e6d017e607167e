"""An issuer with the ways of Apple: it answers by a form, tells a name once, and knows no plain secret.

issuer.told                           # what `user` says at the first consent of somebody; None: nothing
issuer.secrets                        # the claims of each client secret that came
"""

import json
from base64 import urlsafe_b64decode

from aiohttp import web
from joserfc import jws
from joserfc.jwk import KeySet

from gateway.relying_party.client_keys import ClientKey, public_set
from tests.fakes.client_keys import pem
from tests.fakes.issuer import Claims
from tests.fakes.posting import PostingIssuer
from tests.fakes.provider_keys import APPLE_KEY

TEAM = "A1B2C3D4E5"
DAY = 86400
RELAY = "x7f9@privaterelay.appleid.com"


class AppleIssuer(PostingIssuer):
    """See the module."""

    def __init__(self, **settings: object) -> None:
        super().__init__(**settings)  # type: ignore[arg-type]
        self.faults = {"no_userinfo", "no_response_iss"}
        self.told: Claims | str | None = {
            "name": {"firstName": "Ann", "lastName": "Example"},
            "email": "somebody-else@example.com",
        }
        self.users = {"ann": {"sub": "001234.ab12.0001"}}
        self.user = "ann"
        self.secrets: list[Claims] = []
        self._known: set[str] = set()

    def metadata(self) -> Claims:
        document = super().metadata()
        for name in ("authorization_response_iss_parameter_supported", "code_challenge_methods_supported"):
            del document[name]
        return {**document, "token_endpoint_auth_methods_supported": ["client_secret_post"]}

    def _response(self, asked: dict[str, str]) -> list[tuple[str, str]]:
        pairs = super()._response(asked)
        user = asked.get("login_hint") or self.user
        if user in self._known or self.told is None:
            return pairs
        self._known.add(user)
        told = self.told if isinstance(self.told, str) else json.dumps(self.told)
        return [*pairs, ("user", told)]

    def _claims(self, user: str, nonce: str, access_token: str) -> Claims:
        issued = int(self.clock()) - 1
        own: Claims = {"iat": issued, "exp": issued + DAY, "nonce_supported": True}
        address: Claims = {"email": RELAY, "email_verified": "true", "is_private_email": "true"}
        return {**super()._claims(user, nonce, access_token), **own, **address}

    def _is_client(self, request: web.Request, form: dict) -> bool:  # type: ignore[type-arg]
        if "Authorization" in request.headers or form.get("client_id") != self.client_id:
            return False
        raw = str(form["client_secret"])
        known = KeySet.import_key_set(public_set([ClientKey(pem=pem("P-256"), kid=APPLE_KEY)]))  # type: ignore[arg-type]
        claims = json.loads(jws.deserialize_compact(raw, known, algorithms=["ES256"]).payload)
        head = json.loads(urlsafe_b64decode(raw.partition(".")[0] + "=="))
        self.secrets.append(claims)
        now = self.clock()
        said = (head["kid"], claims["iss"], claims["sub"], claims["aud"])
        wanted = (APPLE_KEY, TEAM, self.client_id, "https://appleid.apple.com")
        return said == wanted and claims["iat"] <= now < claims["exp"] <= now + 15_777_000

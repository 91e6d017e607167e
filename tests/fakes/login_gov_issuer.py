"""An issuer with the ways of login.gov: no secret, assertions for its token endpoint, `acr_values` always."""

from aiohttp import web

from gateway.relying_party.client_keys import ClientKey, public_set
from tests.fakes.asserted_client import AssertedClientIssuer
from tests.fakes.client_keys import pem
from tests.fakes.issuer import Claims

AUTH_ONLY = "urn:acr.login.gov:auth-only"


class LoginGovIssuer(AssertedClientIssuer):
    """See the module."""

    def __init__(self, **settings: object) -> None:
        super().__init__(**settings)
        self.keys = public_set([ClientKey(pem=pem("RSA2048"), algorithm="RS256")])
        self.asked: dict[str, str] = {}

    def metadata(self) -> Claims:
        return {
            **super().metadata(),
            "token_endpoint_auth_methods_supported": ["private_key_jwt"],
            "end_session_endpoint": f"{self.url}/openid_connect/logout",
        }

    def _check_request(self, asked: dict[str, str]) -> None:
        super()._check_request(asked)
        self.asked = asked
        if not asked.get("acr_values") or asked.get("prompt", "select_account") != "select_account":
            raise ValueError("acr_values or prompt")
        if min(len(asked["nonce"]), len(asked["state"])) < 22:
            raise ValueError("nonce or state")

    def _is_client(self, request: web.Request, form: dict) -> bool:  # type: ignore[type-arg]
        super()._is_client(request, form)
        claims, head = self.assertions[-1], self.heads[-1]
        said = (head["alg"], claims["iss"], claims["sub"], claims["aud"])
        return said == ("RS256", self.client_id, self.client_id, f"{self.url}/api/openid_connect/token")

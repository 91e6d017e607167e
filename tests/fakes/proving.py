"""An issuer whose access tokens are bound to the key of a proof (RFC 9449).

issuer.nonces            # what it asks for next, in turn; empty = proofs without nonce are taken
issuer.proofs            # the claims of each proof, with `endpoint` and `jkt`
issuer.proof_faults      # see PROOF_FAULTS
"""

import hashlib
import json
from base64 import urlsafe_b64decode

from aiohttp import web
from joserfc import jws
from joserfc.jwk import ECKey

from tests.fakes.issuer import Claims, b64
from tests.fakes.refreshing import RefreshingIssuer

PROOF_FAULTS = {
    "nonce_loop": "every proof is refused with a new nonce",
    "other_error": "invalid_grant with a nonce",
    "bearer": "token_type is Bearer",
    "odd_nonce": "the nonce has a space and a quote",
    "no_nonce_given": "use_dpop_nonce without a nonce",
}


class ProvingIssuer(RefreshingIssuer):
    """See the module."""

    def __init__(self, **settings: object) -> None:
        super().__init__(**settings)
        self.nonces: list[str] = []
        self.proofs: list[Claims] = []
        self.proof_faults: set[str] = set()
        self._bound: dict[str, str] = {}
        self._last = ""

    async def _token(self, request: web.Request) -> web.StreamResponse:
        proof = self._proof(request, "token")
        refused = self._refusal(proof)
        if refused is not None:
            error, given = refused
            headers = {} if given is None else {"DPoP-Nonce": given}
            return web.json_response({"error": error}, status=400, headers=headers)
        self._last = str(proof["jkt"])
        return await super()._token(request)

    def _refusal(self, proof: Claims) -> tuple[str, str | None] | None:
        count = len(self.proofs)
        if "nonce_loop" in self.proof_faults:
            return "use_dpop_nonce", f"n-{count}"
        if "other_error" in self.proof_faults:
            return "invalid_grant", f"n-{count}"
        if "odd_nonce" in self.proof_faults:
            return "use_dpop_nonce", 'a "b" c'
        if "no_nonce_given" in self.proof_faults:
            return "use_dpop_nonce", None
        if self.nonces and proof.get("nonce") != self.nonces[0]:
            return "use_dpop_nonce", self.nonces[0]
        return None

    def _given(self, family: str) -> Claims:
        answer = super()._given(family)
        self._bound[str(answer["access_token"])] = self._last
        return {**answer, "token_type": "Bearer" if "bearer" in self.proof_faults else "DPoP"}

    async def _userinfo(self, request: web.Request) -> web.StreamResponse:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        proof = self._proof(request, "userinfo")
        bound = proof["jkt"] == self._bound.get(token)
        if scheme != "DPoP" or not bound or proof.get("ath") != b64(hashlib.sha256(token.encode()).digest()):
            return web.Response(status=401)
        if self.nonces and proof.get("nonce") != self.nonces[-1]:
            challenge = 'DPoP error="use_dpop_nonce", error_description="a nonce"'
            headers = {"WWW-Authenticate": "Bearer", "DPoP-Nonce": self.nonces[-1]}
            refusal = web.Response(status=401, headers=headers)
            refusal.headers.add("WWW-Authenticate", challenge)  # after another scheme's (RFC 9449 7.2)
            return refusal
        return web.json_response(self.users[self._access[token]])

    def _proof(self, request: web.Request, endpoint: str) -> Claims:
        raw = request.headers["DPoP"]
        head = json.loads(urlsafe_b64decode(raw.partition(".")[0] + "=="))
        assert (head["typ"], head["alg"], head.keys()) == ("dpop+jwt", "ES256", {"typ", "alg", "jwk"})
        key = ECKey.import_key(head["jwk"])
        assert not key.is_private
        claims = json.loads(jws.deserialize_compact(raw, key, algorithms=["ES256"]).payload)
        assert claims["htm"] == request.method
        assert claims["htu"] == f"{self.url}/{endpoint}"
        assert claims["jti"] not in [each["jti"] for each in self.proofs]
        found = {**claims, "endpoint": endpoint, "jkt": key.thumbprint()}
        self.proofs.append(found)
        return found

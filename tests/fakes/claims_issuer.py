"""An issuer that knows where claims are: in a JWT it hands on, or at an endpoint that holds them.

    issuer.aggregated({"department": "it"})        # userinfo brings a JWT that has them
    issuer.distributed({"department": "it"})       # userinfo brings an endpoint that answers with one
    issuer.distributed({...}, signed_by=another)   # by another issuer's key and in its name

`jwt_claims` and `jwt_header` are laid over what is signed; `answer` makes the endpoint's response.
"""

import json
from collections.abc import Callable
from typing import Any

from aiohttp import web

from tests.fakes.issuer import ABSENT, Claims, HostileIssuer, sign

USABLE = "a-token-for-the-endpoint-alone"


class ClaimsIssuer(HostileIssuer):
    """See the module; the endpoint's calls are counted as `claims`."""

    def __init__(self, **keys: Any) -> None:
        super().__init__(**keys)
        self.jwt_claims: Claims = {}
        self.jwt_header: Claims = {}
        self.answer: Callable[[str], web.StreamResponse] | None = None
        self._held = ""

    def _more_routes(self, app: web.Application) -> None:
        app.router.add_get("/claims", self._claims_endpoint, allow_head=False)

    def signed(self, told: Claims, *, signed_by: HostileIssuer | None = None) -> str:
        """Return *told* as a JWT of *signed_by*, by default of this issuer."""
        by = signed_by or self
        claims: Claims = {"iss": by.url, **told, **self.jwt_claims}
        header: Claims = {"alg": by.algorithm, "kid": str(by.key.kid), **self.jwt_header}
        kept = {name: value for name, value in claims.items() if value is not ABSENT}
        return sign(header, json.dumps(kept).encode(), by.key, algorithm=by.algorithm)

    def aggregated(self, told: Claims, *, signed_by: HostileIssuer | None = None) -> None:
        self.names(told, {"JWT": self.signed(told, signed_by=signed_by)})

    def distributed(
        self, told: Claims, *, signed_by: HostileIssuer | None = None, token: object = USABLE
    ) -> None:
        self._held = self.signed(told, signed_by=signed_by)
        self.names(told, {"endpoint": f"{self.url}/claims", "access_token": token})

    def names(self, told: Claims, source: Claims) -> None:
        """Have userinfo say that *source* has what is in *told*."""
        kept = {name: value for name, value in source.items() if value is not ABSENT}
        self.userinfo = {"_claim_names": dict.fromkeys(told, "src1"), "_claim_sources": {"src1": kept}}

    @property
    def shown(self) -> list[str | None]:
        """The `Authorization` of each call of the endpoint, None where there was none."""
        return [headers.get("Authorization") for name, headers, _ in self.requests if name == "claims"]

    async def _claims_endpoint(self, request: web.Request) -> web.StreamResponse:
        if self.answer is not None:
            return self.answer(self._held)
        return web.Response(text=self._held, content_type="application/jwt")

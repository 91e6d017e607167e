"""An issuer as FAPI 2.0 wants it: pushed requests, clients with keys of their own, bound access tokens.

    async with fapi_scene(tmp_path) as at:
        at.issuer.nonces = ["n-1"]     # see `proving`; `pushed` and `issuer` have the other faults

Its endpoints take no client that does not prove itself by an assertion for this issuer alone, each once.
"""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web
from joserfc import jws
from joserfc.jwk import ECKey

from gateway.relying_party.client_keys import ClientKey, public_set
from tests.fakes.client_keys import pem
from tests.fakes.clock import FakeClock
from tests.fakes.databases import made_in
from tests.fakes.fapi_issuer import FapiIssuer as ProfileIssuer
from tests.fakes.gateway import running_gateway
from tests.fakes.issuer import Claims, ec_key, sign
from tests.fakes.scene import Scene
from tests.fakes.signing_responses import SigningResponsesIssuer
from tests.fakes.upstream import RecordingUpstream

ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_PROVIDER = """
[[providers]]
id = "issuer"
issuer = "{url}"
client_id = "{client_id}"
client_auth = "private_key_jwt"
keys = [{{ key = \"\"\"{key}\"\"\" }}]
profile = "fapi2"
"""


class FapiIssuer(ProfileIssuer):
    """See the module."""

    def __init__(self, **settings: object) -> None:
        super().__init__(**settings)
        self.overlay = {"id_token_signing_alg_values_supported": ["ES256"]}
        self.token_type = "DPoP"
        self.challenge_scheme = "DPoP"
        self._assertions: set[str] = set()

    async def _authorize(self, request: web.Request) -> web.StreamResponse:
        try:
            location = self.consent(str(request.url))
        except (ValueError, KeyError) as error:
            return web.Response(status=400, text=str(error))
        return web.Response(status=302, headers={"Location": location})

    def _is_client(self, request: web.Request, form: dict) -> bool:  # type: ignore[type-arg]
        if form.get("client_assertion_type") != ASSERTION or "Authorization" in request.headers:
            return False
        key = ECKey.import_key(pem())
        claims = json.loads(jws.deserialize_compact(form["client_assertion"], key).payload)
        fresh = claims["jti"] not in self._assertions and claims["exp"] > self.clock()
        self._assertions.add(claims["jti"])
        return fresh and (claims["iss"], claims["sub"], claims["aud"]) == (
            self.client_id,
            self.client_id,
            self.url,
        )

    def _given(self, family: str) -> Claims:
        return {**super()._given(family), "token_type": self.token_type}

    async def _userinfo(self, request: web.Request) -> web.StreamResponse:
        response = await super()._userinfo(request)
        challenges = response.headers.popall("WWW-Authenticate", [])
        for challenge in challenges:
            response.headers.add("WWW-Authenticate", challenge.replace("DPoP", self.challenge_scheme, 1))
        return response


class SigningFapiIssuer(SigningResponsesIssuer, FapiIssuer):
    """One that also signs what it answers, and wants what it is asked signed."""

    def __init__(self, **settings: object) -> None:
        super().__init__(**settings)
        self.client_keys = public_set([ClientKey(pem=pem())])

    def _signed(self, claims: Claims) -> str:
        if "foreign_key" not in self.response_faults:
            return super()._signed(claims)
        header: Claims = {"alg": self.algorithm, "kid": str(self.key.kid)}
        return sign(header, json.dumps(claims).encode(), ec_key("foreign"))


@asynccontextmanager
async def fapi_scene(
    folder: Path, *, issued_by: type[FapiIssuer] = FapiIssuer, more: str = ""
) -> AsyncIterator[Scene]:
    """Start such an issuer, an app, and a gateway that is registered there by these keys and *more*."""
    clock = FakeClock()
    made_in(folder)
    async with issued_by(clock=clock) as issuer, RecordingUpstream() as app:
        tables = _PROVIDER.format(url=issuer.url, client_id=issuer.client_id, key=pem()) + more
        async with running_gateway(folder, upstream=app.url, tables=tables, clock=clock) as gate:
            gate.places[issuer.url] = int(issuer.url.rpartition(":")[2])
            yield Scene(folder=folder, clock=clock, issuer=issuer, app=app, gate=gate)

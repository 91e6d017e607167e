"""An issuer of opaque tokens that can be asked about them (RFC 7662, RFC 9701), and lies by named faults.

raw = issuer.opaque(sub="reports")    # an active token; what is given is laid over what is said of it
issuer.tokens[raw] = None             # revoked
issuer.asked                          # the form of each question
issuer.gate                           # an event: questions wait for it while it is there
issuer.signs = True                   # answers are signed; `signed_claims`, `signed_header` laid over
"""

import asyncio
import json
import secrets
from typing import Any

from aiohttp import web
from joserfc import jwe
from joserfc.jwk import OctKey

from tests.fakes.issuer import ABSENT, FAULTS, Claims, HostileIssuer, b64, public_key_as_secret, rsa_key, sign

SIGNED = "application/token-introspection+jwt"
INTROSPECTION_FAULTS = {
    "asked_active_text": 'active is the text "true"',
    "asked_active_number": "active is 1",
    "asked_active_null": "active is null",
    "asked_active_missing": "active is missing",
    "asked_twice": "active is there twice, false and true",
    "asked_array": "a JSON array",
    "asked_html": "200 with a page",
    "asked_bad_json": "half an object",
    "asked_huge": "5 MB of JSON",
    "asked_redirect": "307 to elsewhere",
    "asked_202": "202, beside a yes",
    "asked_400": "400, beside a no",
    "asked_500": "500",
    "asked_401": "401, as for an unknown client",
    "asked_429": "429",
    "asked_reset": "the connection is cut",
    "asked_gzip": "a compressed answer nobody asked for",
    "asked_unsigned": "JSON where a signed answer was asked for",
    "asked_unsigned_as_signed": "JSON that calls itself signed",
    "asked_alg_none": "signed by nothing",
    "asked_foreign_key": "signed by a key that is not published, under the published kid",
    "asked_as_unsigned": "a signed answer that calls itself JSON",
    "asked_encrypted": "signed, and encrypted round that (RFC 9701 5), which nobody asked for",
    "asked_hs256": "HS256 with the public key as the secret",
    "no_introspection": "the metadata has no introspection_endpoint",
    "http_introspection": "the endpoint is plain http beyond this machine",
}
FAULTS.update(INTROSPECTION_FAULTS)


class IntrospectingIssuer(HostileIssuer):
    """See the module."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.tokens: dict[str, Claims | None] = {}
        self.asked: list[dict[str, str]] = []
        self.accepted: list[str] = []
        self.gate: asyncio.Event | None = None
        self.arrived = asyncio.Event()
        self.signs = False
        self.signed_claims: Claims = {}
        self.signed_header: Claims = {}

    def opaque(self, **told: Any) -> str:
        """Return a new token, active, of which this is said; ABSENT leaves a member out."""
        raw = f"opaque-{secrets.token_urlsafe(16)}"
        now = int(self.clock())
        said: Claims = {
            "client_id": "reports",
            "sub": "reports",
            "aud": "https://api.example.com",
            "iss": self.url,
            "iat": now,
            "exp": now + 300,
            "scope": "read write",
            "token_type": "Bearer",
        }
        self.tokens[raw] = {name: value for name, value in {**said, **told}.items() if value is not ABSENT}
        return raw

    def metadata(self) -> Claims:
        document = super().metadata()
        if "no_introspection" in self.faults:
            return document
        plain = "http_introspection" in self.faults
        endpoint = "http://192.0.2.1/introspect" if plain else f"{self.url}/introspect"
        return {**document, "introspection_endpoint": endpoint}

    def _more_routes(self, app: web.Application) -> None:
        super()._more_routes(app)
        app.router.add_post("/introspect", self._introspect)

    async def _introspect(self, request: web.Request) -> web.StreamResponse:
        form = {name: str(value) for name, value in (await request.post()).items()}
        self.asked.append(form)
        self.accepted.append(request.headers.get("Accept", ""))
        self.arrived.set()
        if self.gate is not None:
            await self.gate.wait()
        if "asked_401" in self.faults or not self._is_client(request, form):
            return web.json_response({"error": "invalid_client"}, status=401)
        broken = self._broken_answer(request)
        if broken is not None:
            return broken
        said = self.tokens.get(form.get("token", ""))
        answer: Claims = {"active": False} if said is None else {"active": True, **said}
        answer |= self._lies()
        if "asked_active_missing" in self.faults:
            del answer["active"]
        if self.signs and "asked_unsigned" not in self.faults:
            text = self._signed(answer)
            kind = "application/json" if "asked_as_unsigned" in self.faults else SIGNED
            encrypted = "asked_encrypted" in self.faults
            return web.Response(text=_encrypted(text) if encrypted else text, content_type=kind)
        return self._plain(answer)

    def _plain(self, answer: Claims) -> web.Response:
        text = json.dumps(answer)
        if "asked_twice" in self.faults:
            text = '{"active": false, ' + text.removeprefix("{")
        kind = SIGNED if "asked_unsigned_as_signed" in self.faults else "application/json"
        response = web.Response(text=text, content_type=kind)
        if "asked_gzip" in self.faults:
            response.enable_compression(web.ContentCoding.gzip)
        return response

    def _lies(self) -> Claims:
        if "asked_active_text" in self.faults:
            return {"active": "true"}
        if "asked_active_number" in self.faults:
            return {"active": 1}
        return {"active": None} if "asked_active_null" in self.faults else {}

    def _broken_answer(self, request: web.Request) -> web.Response | None:
        if "asked_reset" in self.faults and request.transport is not None:
            request.transport.abort()
        answers = {
            "asked_array": lambda: web.json_response([]),
            "asked_html": lambda: web.Response(text="<h1>Welcome</h1>", content_type="text/html"),
            "asked_bad_json": lambda: web.Response(text='{"active": tr'),
            "asked_huge": lambda: web.json_response({"active": True, "padding": "x" * (5 * 1024 * 1024)}),
            "asked_redirect": lambda: web.Response(status=307, headers={"Location": f"{self.url}/elsewhere"}),
            "asked_202": lambda: web.json_response({"active": True, "sub": "x"}, status=202),
            "asked_400": lambda: web.json_response({"active": False}, status=400),
            "asked_500": lambda: web.Response(status=500, text="<h1>Oops</h1>"),
            "asked_429": lambda: web.Response(status=429),
            "asked_reset": web.Response,
        }
        return next((answers[fault]() for fault in self.faults & answers.keys()), None)

    def _signed(self, answer: Claims) -> str:
        claims: Claims = {
            "iss": self.url,
            "aud": self.client_id,
            "iat": int(self.clock()),
            "token_introspection": answer,
        }
        claims = {**claims, **self.signed_claims}
        header: Claims = {
            "alg": self.algorithm,
            "kid": str(self.key.kid),
            "typ": "token-introspection+jwt",
            **self.signed_header,
        }
        header = {name: value for name, value in header.items() if value is not ABSENT}
        payload = json.dumps({k: v for k, v in claims.items() if v is not ABSENT}).encode()
        if "asked_alg_none" in self.faults:
            return f"{b64(json.dumps({**header, 'alg': 'none'}).encode())}.{b64(payload)}."
        if "asked_hs256" in self.faults:
            return sign({**header, "alg": "HS256"}, payload, public_key_as_secret(self.key))
        key = rsa_key("foreign") if "asked_foreign_key" in self.faults else self.key
        return sign(header, payload, key)


def _encrypted(text: str) -> str:
    header = {"alg": "dir", "enc": "A256GCM", "typ": "token-introspection+jwt", "cty": "JWT"}
    return jwe.encrypt_compact(header, text, OctKey.generate_key(256))

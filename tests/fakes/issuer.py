"""A real OpenID issuer on a free loopback port, well behaved unless told to commit a fault.

    async with HostileIssuer() as issuer:
        issuer.url, issuer.client_id, issuer.client_secret   # our registration there
        issuer.redirect_uris.add("http://.../callback/x")    # empty = any is taken
        issuer.users["alice"]["email"] = "alice@example.com" # claims of a user, `sub` included
        issuer.user = "bob"                                  # who consents without a login_hint
        issuer.faults.add("wrong_aud")                       # see FAULTS; .clear() to behave again
        issuer.seen["token"]                                 # calls of an endpoint so far
        issuer.rotate()                                      # a new signing key, the old one gone
        issuer.consent(url)                                  # the browser's part, without a browser

Endpoints: `discovery authorize token userinfo jwks`, and `elsewhere`, which nobody may ever call.
`authorize` consents at once, as the user that `login_hint` names, else as `issuer.user`.
`issuer.claims` and `issuer.header` are laid over the next ID tokens' claims and header (a value
`ABSENT` removes one), `issuer.payload` makes the payload's bytes of the claims. `issuer.heard` is told
the parameters of each authorization request, before it is answered.
"""

import asyncio
import base64
import hashlib
import json
import secrets
import time
from collections import Counter
from collections.abc import Callable
from enum import Enum
from functools import cache
from typing import Self
from urllib.parse import parse_qsl, unquote_plus, urlencode, urlsplit

from aiohttp import web
from joserfc.jwk import ECKey, Key, OctKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry


class Absent(Enum):
    """What a claim is that shall not be there; it names a test the same way in every process."""

    ABSENT = "absent"


ABSENT = Absent.ABSENT
Claims = dict[str, object]

FAULTS = {
    # the browser's way back
    "wrong_response_iss": "the authorization response names another issuer",
    "no_response_iss": "the authorization response lacks the promised iss",
    "twice_response_iss": "the authorization response has iss twice",
    "twice_code": "the authorization response has code twice",
    "access_denied": "the person says no; error_description holds HTML",
    "server_error": "the authorization endpoint is out of order",
    # discovery
    "discovery_down": "503",
    "discovery_wrong_issuer": "the metadata names another issuer",
    "discovery_redirect": "302 to a place that has the right answer",
    "discovery_huge": "10 MB of JSON",
    "discovery_slow": "a byte every 50 ms, without end",
    "discovery_html": "a page",
    "discovery_file_endpoint": "token_endpoint is file:///etc/passwd",
    "discovery_foreign_http": "token_endpoint is plain http beyond this machine",
    "discovery_plain_only": "only the PKCE method plain is advertised",
    "discovery_no_pkce": "no PKCE method is advertised",
    "discovery_none_alg": "the metadata lists the algorithm none",
    # token endpoint
    "token_hangs": "no answer at all",
    "token_500": "500",
    "token_reset": "the connection is cut",
    "token_html": "200 with a page",
    "token_bad_json": "200 with half an object",
    "token_huge": "20 MB of JSON",
    "token_array": "200 with a JSON array",
    "token_redirect": "307 to elsewhere",
    "token_gzip": "a compressed answer nobody asked for",
    "invalid_grant": "400 invalid_grant",
    "token_type_dpop": "token_type is DPoP",
    "no_token_type": "token_type is missing",
    "no_id_token": "id_token is missing",
    "cookies": "every answer sets a cookie",
    # ID token
    "wrong_iss": "another issuer",
    "wrong_aud": "another audience",
    "many_aud": "us and another audience",
    "wrong_azp": "azp is another client",
    "wrong_nonce": "another nonce",
    "no_nonce": "no nonce",
    "expired": "exp an hour ago",
    "no_exp": "no exp",
    "empty_sub": "an empty sub",
    "long_sub": "a sub of 300 characters",
    "wrong_at_hash": "at_hash of another access token",
    "alg_none": "unsigned, alg none",
    "hs256_public_key": "HS256 with the public key as the secret",
    "foreign_key": "signed by a key that is not published, under the published kid",
    "unknown_kid": "a random kid",
    "no_kid": "no kid",
    "x5c": "a certificate chain of 2 KB in the header",
    # userinfo
    "userinfo_other_sub": "about somebody else",
    "userinfo_array": "a JSON array",
    "userinfo_jwt": "a JWT",
    "userinfo_huge": "5 MB of JSON",
    "userinfo_500": "500",
    "userinfo_401": "401",
    "no_userinfo": "no userinfo endpoint at all",
    # JWKS
    "jwks_down": "503",
    "jwks_huge": "10 MB of JSON",
    "jwks_many": "10,000 keys",
    "jwks_junk": "unusable keys of every sort beside the right one",
}


def b64(raw: bytes) -> str:
    """Return *raw* in base64url without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


@cache
def rsa_key(kid: str) -> RSAKey:
    """Return the RSA key called *kid*; making one takes a tenth of a second."""
    return RSAKey.generate_key(2048, {"kid": kid, "use": "sig", "alg": "RS256"})


@cache
def ec_key(kid: str) -> ECKey:
    return ECKey.generate_key("P-256", {"kid": kid, "use": "sig", "alg": "ES256"})


def sign(header: Claims, payload: bytes, key: Key, *, algorithm: str | None = None) -> str:
    """Return a compact JWS of exactly this *header* and *payload*, however wrong they are.

    The signature is made with *algorithm*, by default the header's own.
    """
    signing_input = f"{b64(json.dumps(header).encode())}.{b64(payload)}"
    name = algorithm or str(header["alg"])
    signature = JWSRegistry.algorithms[name].sign(signing_input.encode(), key)
    return f"{signing_input}.{b64(signature)}"


class HostileIssuer:
    """The issuer; see the module. *clock* dates its tokens."""

    shortest = 43
    """Characters of a state and a nonce that it takes: 32 bytes."""

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.time,
        client_id: str = "gateway",
        client_secret: str = "an issuer's secret of 44 characters, or so: é",
        algorithm: str = "RS256",
    ) -> None:
        self.clock = clock
        self.client_id = client_id
        self.client_secret = client_secret
        self.algorithm = algorithm
        self.redirect_uris: set[str] = set()
        self.users: dict[str, Claims] = {
            name: {
                "sub": f"{name}-at-the-issuer",
                "email": f"{name}@example.com",
                "email_verified": True,
                "name": name.title(),
                "groups": ["staff"],
            }
            for name in ("alice", "bob")
        }
        self.user = "alice"
        self.heard: Callable[[dict[str, str]], None] = lambda _: None
        self.faults: set[str] = set()
        self.claims: Claims = {}
        self.header: Claims = {}
        self.payload: Callable[[Claims], bytes] = lambda claims: json.dumps(claims).encode()
        self.userinfo: Claims = {}
        self.token_answer: Claims = {}
        self.seen: Counter[str] = Counter()
        self.requests: list[tuple[str, dict[str, str], dict[str, str]]] = []
        self.key: Key = rsa_key("rsa-1") if algorithm.startswith(("RS", "PS")) else ec_key("ec-1")
        self.published: list[Claims] = []
        self.url = ""
        self._codes: dict[str, dict[str, str]] = {}
        self._access: dict[str, str] = {}
        self._generation = 1
        self._runner: web.AppRunner | None = None
        self._ending = asyncio.Event()
        self._publish()

    @property
    def fault(self) -> str:
        """The one fault committed, or an empty string; setting it replaces all others."""
        return next(iter(self.faults), "")

    @fault.setter
    def fault(self, name: str) -> None:
        if name and name not in FAULTS:
            raise KeyError(name)
        self.faults = {name} if name else set()

    async def __aenter__(self) -> Self:
        app = web.Application(middlewares=[self._notice])
        app.router.add_get("/.well-known/openid-configuration", self._discovery, allow_head=False)
        app.router.add_get("/authorize", self._authorize, allow_head=False)
        app.router.add_post("/token", self._token)
        app.router.add_get("/userinfo", self._userinfo, allow_head=False)
        app.router.add_get("/jwks", self._jwks, allow_head=False)
        app.router.add_route("*", "/elsewhere", self._elsewhere)
        self._more_routes(app)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        port = self._runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{port}"
        return self

    def _more_routes(self, app: web.Application) -> None:
        """Offer what kinds of this issuer have besides."""

    async def __aexit__(self, *_: object) -> None:
        self._ending.set()
        if self._runner is not None:
            await self._runner.cleanup()

    def rotate(self) -> None:
        """Sign with a new key from now on, and publish it alone."""
        self._generation += 1
        make = rsa_key if self.key.key_type == "RSA" else ec_key
        self.key = make(f"{self.key.key_type.lower()}-{self._generation}")
        self._publish()

    def consent(self, url: str) -> str:
        """Return the callback URL with which a browser would come back from *url*."""
        asked = dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))
        self._check_request(asked)
        return asked["redirect_uri"] + "?" + urlencode(self._response(asked))

    def respond(self, url: str) -> list[tuple[str, str]]:
        """Return the parameters of `consent`, decoded."""
        return parse_qsl(urlsplit(self.consent(url)).query, keep_blank_values=True)

    def id_token(self, *, user: str, nonce: str, access_token: str) -> str:
        """Return a signed ID token with the faults and overlays in force."""
        claims = self._claims(user, nonce, access_token)
        header: Claims = {"alg": self.algorithm, "kid": str(self.key.kid), "typ": "JWT"}
        key, algorithm = self._disturb(header)
        claims = _laid_over(claims, self.claims)
        header = _laid_over(header, self.header)
        payload = self.payload(claims)
        if "alg_none" in self.faults:
            return f"{b64(json.dumps(header).encode())}.{b64(payload)}."
        return sign(header, payload, key, algorithm=algorithm)

    def _publish(self) -> None:
        self.published = [dict(self.key.as_dict(private=False))]

    @web.middleware
    async def _notice(self, request: web.Request, handler: Callable) -> web.StreamResponse:  # type: ignore[type-arg]
        endpoint = request.path.strip("/").split("/")[-1]
        endpoint = "discovery" if endpoint == "openid-configuration" else endpoint
        self.seen[endpoint] += 1
        form = dict(await request.post()) if request.method == "POST" else {}
        self.requests.append((endpoint, dict(request.headers), {k: str(v) for k, v in form.items()}))
        response: web.StreamResponse = await handler(request)
        if "cookies" in self.faults and not response.prepared:
            response.headers["Set-Cookie"] = "victim=1; Path=/"
        return response

    async def _discovery(self, request: web.Request) -> web.StreamResponse:
        match self._fault_of("discovery"):
            case "discovery_down":
                return web.Response(status=503)
            case "discovery_redirect":
                return web.Response(status=302, headers={"Location": f"{self.url}/elsewhere"})
            case "discovery_html":
                return web.Response(text="<h1>Welcome</h1>", content_type="text/html")
            case "discovery_huge":
                return _huge(10)
            case "discovery_slow":
                return await self._drip(request)
        return web.json_response(self.metadata())

    def metadata(self) -> Claims:
        """Return the metadata document with the faults in force."""
        document: Claims = {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "userinfo_endpoint": f"{self.url}/userinfo",
            "jwks_uri": f"{self.url}/jwks",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": [self.algorithm],
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": True,
        }
        changes: dict[str, Claims] = {
            "discovery_wrong_issuer": {"issuer": "https://other.example"},
            "discovery_file_endpoint": {"token_endpoint": "file:///etc/passwd"},
            "discovery_foreign_http": {"token_endpoint": "http://192.0.2.1/token"},
            "discovery_plain_only": {"code_challenge_methods_supported": ["plain"]},
            "discovery_no_pkce": {"code_challenge_methods_supported": ABSENT},
            "discovery_none_alg": {"id_token_signing_alg_values_supported": ["none", "HS256"]},
            "no_userinfo": {"userinfo_endpoint": ABSENT},
        }
        for fault in self.faults & changes.keys():
            document = _laid_over(document, changes[fault])
        return document

    async def _authorize(self, request: web.Request) -> web.StreamResponse:
        asked = dict(request.query)
        try:
            self._check_request(asked)
        except ValueError as error:
            return web.Response(status=400, text=str(error))
        location = asked["redirect_uri"] + "?" + urlencode(self._response(asked))
        return web.Response(status=302, headers={"Location": location})

    def _check_request(self, asked: dict[str, str]) -> None:
        """Refuse an authorization request that is not code flow with PKCE S256, state and nonce."""
        if asked.get("response_type") != "code" or asked.get("client_id") != self.client_id:
            raise ValueError("response_type or client_id")
        if asked.get("code_challenge_method") != "S256" or len(asked.get("code_challenge", "")) != 43:
            raise ValueError("PKCE")
        if min(len(asked.get("state", "")), len(asked.get("nonce", ""))) < self.shortest:
            raise ValueError("state or nonce")
        if "openid" not in asked.get("scope", "").split():
            raise ValueError("scope")
        if self.redirect_uris and asked.get("redirect_uri") not in self.redirect_uris:
            raise ValueError("redirect_uri")

    def _response(self, asked: dict[str, str]) -> list[tuple[str, str]]:
        self.heard(asked)
        pairs = [("state", asked["state"])]
        if "access_denied" in self.faults:
            pairs += [("error", "access_denied"), ("error_description", "<script>alert(1)</script>")]
        elif "server_error" in self.faults:
            pairs.append(("error", "server_error"))
        else:
            code = secrets.token_urlsafe(24)
            self._codes[code] = {**asked, "user": asked.get("login_hint") or self.user}
            pairs += [("code", code)] * (2 if "twice_code" in self.faults else 1)
        issuer = "https://other.example" if "wrong_response_iss" in self.faults else self.url
        if "no_response_iss" not in self.faults:
            pairs += [("iss", issuer)] * (2 if "twice_response_iss" in self.faults else 1)
        return pairs

    async def _token(self, request: web.Request) -> web.StreamResponse:
        broken = await self._broken_token_answer(request)
        if broken is not None:
            return broken
        form = dict(await request.post())
        if not self._is_client(request, form):
            return web.json_response({"error": "invalid_client"}, status=401)
        asked = self._codes.pop(str(form.get("code")), None)
        if asked is None or not self._is_bound(asked, form):
            return web.json_response({"error": "invalid_grant"}, status=400)
        response = web.json_response(self._tokens(asked))
        if "token_gzip" in self.faults:
            response.enable_compression(web.ContentCoding.gzip)
        return response

    async def _broken_token_answer(self, request: web.Request) -> web.StreamResponse | None:
        if "token_hangs" in self.faults:
            await self._ending.wait()
        if "token_reset" in self.faults and request.transport is not None:
            request.transport.abort()
        answers: dict[str, Callable[[], web.Response]] = {
            "token_hangs": lambda: web.Response(status=503),
            "token_reset": web.Response,
            "token_500": lambda: web.Response(status=500, text="<h1>Oops</h1>"),
            "token_html": lambda: web.Response(text="<h1>Sign in</h1>", content_type="text/html"),
            "token_bad_json": lambda: web.Response(text='{"access_token": "at'),
            "token_huge": lambda: _huge(20),
            "token_array": lambda: web.json_response([]),
            "token_redirect": lambda: web.Response(status=307, headers={"Location": f"{self.url}/elsewhere"}),
            "invalid_grant": lambda: web.json_response({"error": "invalid_grant"}, status=400),
        }
        return next((answers[fault]() for fault in self.faults & answers.keys()), None)

    def _is_client(self, request: web.Request, form: dict) -> bool:  # type: ignore[type-arg]
        kind, _, value = request.headers.get("Authorization", "").partition(" ")
        if kind == "Basic":
            pair = base64.b64decode(value).decode("ascii").partition(":")
            return [unquote_plus(pair[0]), unquote_plus(pair[2])] == [self.client_id, self.client_secret]
        return form.get("client_id") == self.client_id and form.get("client_secret") in (
            self.client_secret,
            *([None] if self.client_secret == "" else []),
        )

    @staticmethod
    def _is_bound(asked: dict[str, str], form: dict) -> bool:  # type: ignore[type-arg]
        verifier = str(form.get("code_verifier", ""))
        challenge = b64(hashlib.sha256(verifier.encode()).digest())
        return (
            form.get("grant_type") == "authorization_code"
            and form.get("redirect_uri") == asked["redirect_uri"]
            and challenge == asked["code_challenge"]
        )

    def _tokens(self, asked: dict[str, str]) -> Claims:
        access_token = secrets.token_urlsafe(24)
        self._access[access_token] = asked["user"]
        answer: Claims = {
            "access_token": access_token,
            "token_type": "DPoP" if "token_type_dpop" in self.faults else "Bearer",
            "expires_in": 3600,
            "scope": asked["scope"],
            "id_token": self.id_token(user=asked["user"], nonce=asked["nonce"], access_token=access_token),
        }
        missing = {"no_token_type": "token_type", "no_id_token": "id_token"}
        for fault in self.faults & missing.keys():
            del answer[missing[fault]]
        return _laid_over(answer, self.token_answer)

    def _claims(self, user: str, nonce: str, access_token: str) -> Claims:
        now = int(self.clock())
        claims: Claims = {
            "iss": self.url,
            "aud": self.client_id,
            "sub": self.users[user]["sub"],
            "exp": now + 600,
            "iat": now,
            "auth_time": now,
            "nonce": nonce,
            "at_hash": half_hash(access_token),
        }
        if "no_userinfo" in self.faults:
            claims = {**self.users[user], **claims}
        changes: dict[str, Claims] = {
            "wrong_iss": {"iss": "https://other.example"},
            "wrong_aud": {"aud": "another-client"},
            "many_aud": {"aud": [self.client_id, "another-client"]},
            "wrong_azp": {"azp": "another-client"},
            "wrong_nonce": {"nonce": "n" * 43},
            "no_nonce": {"nonce": ABSENT},
            "expired": {"exp": now - 3600},
            "no_exp": {"exp": ABSENT},
            "empty_sub": {"sub": ""},
            "long_sub": {"sub": "s" * 300},
            "wrong_at_hash": {"at_hash": half_hash("another")},
        }
        for fault in self.faults & changes.keys():
            claims = _laid_over(claims, changes[fault])
        return claims

    def _disturb(self, header: Claims) -> tuple[Key, str | None]:
        """Put faults into *header*; return the key to sign with and the algorithm to do it by."""
        if "no_kid" in self.faults:
            del header["kid"]
        if "unknown_kid" in self.faults:
            header["kid"] = secrets.token_hex(8)
        if "x5c" in self.faults:
            header["x5c"] = ["M" * 2048]
        if "alg_none" in self.faults:
            header["alg"] = "none"
        if "hs256_public_key" in self.faults:
            header["alg"] = "HS256"
            return public_key_as_secret(self.key), "HS256"
        if "foreign_key" in self.faults:
            return rsa_key("foreign") if self.key.key_type == "RSA" else ec_key("foreign"), self.algorithm
        return self.key, self.algorithm

    async def _userinfo(self, request: web.Request) -> web.StreamResponse:
        user = self._access.get(request.headers.get("Authorization", "").removeprefix("Bearer "))
        if user is None or "userinfo_401" in self.faults:
            return web.Response(status=401)
        match self._fault_of("userinfo"):
            case "userinfo_500":
                return web.Response(status=500)
            case "userinfo_array":
                return web.json_response([self.users[user]])
            case "userinfo_jwt":
                token = sign({"alg": self.algorithm}, b"{}", self.key)
                return web.Response(text=token, content_type="application/jwt")
            case "userinfo_huge":
                return _huge(5)
            case "userinfo_other_sub":
                return web.json_response({**self.users[user], "sub": "somebody else"})
        return web.json_response(_laid_over(self.users[user], self.userinfo))

    async def _jwks(self, request: web.Request) -> web.StreamResponse:
        keys = self.published
        match self._fault_of("jwks"):
            case "jwks_down":
                return web.Response(status=503)
            case "jwks_huge":
                return _huge(10)
            case "jwks_many":
                keys = [{"kty": "x"}] * 10_000
            case "jwks_junk":
                keys = [*junk_keys(), *keys]
        return web.json_response({"keys": keys})

    async def _elsewhere(self, request: web.Request) -> web.StreamResponse:
        return web.json_response(self.metadata())

    async def _drip(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while not self._ending.is_set():
            await response.write(b" ")
            await asyncio.sleep(0.05)
        return response

    def _fault_of(self, prefix: str) -> str:
        return next((fault for fault in self.faults if fault.startswith(prefix)), "")


def half_hash(text: str) -> str:
    """Return `at_hash` for an algorithm on SHA-256 (OpenID Connect Core 3.1.3.6)."""
    return b64(hashlib.sha256(text.encode()).digest()[:16])


def public_key_as_secret(key: Key) -> OctKey:
    """Return an HMAC key of the bytes of a public key, as an attacker would (CVE-2022-29217)."""
    return OctKey(json.dumps(key.as_dict(private=False)).encode(), b"")


def junk_keys() -> list[Claims]:
    """Return keys that must be skipped: unknown, private, symmetric, weak, off the curve, malformed."""
    private = {**rsa_key("private").as_dict(private=True), "kid": "private"}
    curve = {**ec_key("off").as_dict(private=False), "kid": "off"}
    return [
        {"kty": "PQC", "kid": "unknown"},
        dict(private),
        {"kty": "oct", "k": b64(b"x" * 32), "kid": "oct"},
        {"kty": "RSA", "n": b64(b"\xff" * 64), "e": "AQAB", "kid": "weak"},
        {"kty": "RSA", "n": b64(b"\xff" * 4096), "e": "AQAB", "kid": "giant"},
        {"kty": "RSA", "n": "!!", "e": 3, "kid": "malformed"},
        {**curve, "x": b64(b"\x01" * 32)},
        {**curve, "use": "enc", "kid": "enc"},
        {**OKPKey.generate_key("X25519").as_dict(private=False), "kid": "x"},
    ]


def _laid_over(claims: Claims, changes: Claims) -> Claims:
    merged = {**claims, **changes}
    return {name: value for name, value in merged.items() if value is not ABSENT}


def _huge(megabytes: int) -> web.Response:
    return web.Response(
        body=b'{"padding": "' + b"x" * (megabytes * 1024 * 1024) + b'"}', content_type="application/json"
    )

"""A small OpenID issuer for trying things out: it asks nobody for a password.

The law: it listens on a loopback address only, answers only to this machine's names, and says loudly
what it is. Everything else it does as a real issuer would, so that the gateway treats it as one.
"""

import hmac
import secrets
from base64 import b64decode
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from html import escape
from urllib.parse import parse_qsl, unquote_plus, urlencode

from aiohttp import web
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from gateway.demo.grants import ACCESS_LIFE, Grants, Refused, at_hash
from gateway.demo.loopback import names_loopback, require_loopback
from gateway.demo.pages import HEADERS, page, paragraph
from gateway.demo.people import PEOPLE, Person

ID_TOKEN_LIFE = 300
_CHALLENGE_LENGTH = 43  # base64url of a SHA-256
_NOT_STORED = {"Cache-Control": "no-store"}
_WARNING = "For trying only: this issuer asks for no password. Never put anything real behind it."


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """The one relying party that is registered here."""

    id: str
    secret: str = field(repr=False)
    redirect_uris: frozenset[str]
    home: str


class AuthorizationRefused(Exception):
    """The request cannot be granted; `error` goes back to the client (RFC 6749 4.1.2.1)."""

    def __init__(self, error: str) -> None:
        super().__init__(error)
        self.error = error


class DemoIssuer:
    """The issuer called *url*, for one client. Its signing key lives as long as the process."""

    def __init__(self, *, url: str, client: Client, clock: Callable[[], float]) -> None:
        self._url = url
        self._client = client
        self._clock = clock
        self._grants = Grants(clock=clock)
        self._key = ECKey.generate_key("P-256", {"kid": secrets.token_hex(8), "use": "sig", "alg": "ES256"})

    def application(self) -> web.Application:
        """Return the issuer as an aiohttp application."""
        app = web.Application(client_max_size=64 * 1024, middlewares=[_only_this_machine])
        app.router.add_get("/.well-known/openid-configuration", self.discovery)
        app.router.add_get("/jwks", self.jwks)
        app.router.add_get("/authorize", self.ask)
        app.router.add_post("/authorize", self.agree)
        app.router.add_post("/token", self.token)
        app.router.add_get("/userinfo", self.userinfo)
        app.router.add_get("/end_session", self.end_session)
        return app

    async def discovery(self, _request: web.Request) -> web.Response:
        """OpenID Connect Discovery 4."""
        return web.json_response(
            {
                "issuer": self._url,
                "authorization_endpoint": f"{self._url}/authorize",
                "token_endpoint": f"{self._url}/token",
                "userinfo_endpoint": f"{self._url}/userinfo",
                "jwks_uri": f"{self._url}/jwks",
                "end_session_endpoint": f"{self._url}/end_session",
                "response_types_supported": ["code"],
                "response_modes_supported": ["query"],
                "grant_types_supported": ["authorization_code"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["ES256"],
                "token_endpoint_auth_methods_supported": ["client_secret_basic"],
                "code_challenge_methods_supported": ["S256"],
                "scopes_supported": ["openid", "email", "profile"],
                "claims_supported": ["sub", "name", "email", "email_verified", "groups"],
                "authorization_response_iss_parameter_supported": True,
            }
        )

    async def jwks(self, _request: web.Request) -> web.Response:
        """RFC 7517 5."""
        return web.json_response(KeySet([self._key]).as_dict(private=False))

    async def ask(self, request: web.Request) -> web.Response:
        """Show a button for each person; a request that cannot be granted goes back at once."""
        asked = _once(request.rel_url.query_string)
        if (stranger := self._stranger(asked)) is not None:
            return stranger
        try:
            self._check(asked)
        except AuthorizationRefused as refused:
            return self._send_back(asked, error=refused.error)
        return _page("Sign in to the demo", paragraph(_WARNING, kind="bad"), _buttons(asked))

    async def agree(self, request: web.Request) -> web.Response:
        """Send the browser back with a code for the person whose button was pressed."""
        asked = _once((await request.read()).decode("utf-8", "replace"))
        if (stranger := self._stranger(asked)) is not None:
            return stranger
        person = PEOPLE.get(asked.get("person", ""))
        if person is None:
            return self._send_back(asked, error="access_denied")
        try:
            challenge = self._check(asked)
        except AuthorizationRefused as refused:
            return self._send_back(asked, error=refused.error)
        code = self._grants.agree(
            person, redirect_uri=asked["redirect_uri"], challenge=challenge, nonce=asked.get("nonce")
        )
        return self._send_back(asked, code=code)

    async def token(self, request: web.Request) -> web.Response:
        """RFC 6749 4.1.3: a code, once, for the client that it was made for."""
        if not self._is_client(request.headers.get("Authorization", "")):
            refused = web.json_response({"error": "invalid_client"}, status=401, headers=_NOT_STORED)
            refused.headers["WWW-Authenticate"] = 'Basic realm="demo issuer"'
            return refused
        asked = _once((await request.read()).decode("utf-8", "replace"))
        if asked.get("grant_type") != "authorization_code":
            return web.json_response({"error": "unsupported_grant_type"}, status=400, headers=_NOT_STORED)
        try:
            consent = self._grants.redeem(
                asked.get("code", ""),
                redirect_uri=asked.get("redirect_uri", ""),
                verifier=asked.get("code_verifier", ""),
            )
        except Refused:
            return web.json_response({"error": "invalid_grant"}, status=400, headers=_NOT_STORED)
        access_token = self._grants.access(consent.person)
        return web.json_response(
            {
                "access_token": access_token,
                "token_type": "Bearer",
                "expires_in": ACCESS_LIFE,
                "scope": "openid email profile",
                "id_token": self._id_token(consent.person, access_token, nonce=consent.nonce, at=consent.at),
            },
            headers=_NOT_STORED,
        )

    async def userinfo(self, request: web.Request) -> web.Response:
        """OpenID Connect Core 5.3."""
        scheme, _, access_token = request.headers.get("Authorization", "").partition(" ")
        person = self._grants.person(access_token) if scheme.lower() == "bearer" else None
        if person is None:
            return web.Response(status=401, headers={"WWW-Authenticate": 'Bearer error="invalid_token"'})
        return web.json_response(person.claims(), headers=_NOT_STORED)

    async def end_session(self, request: web.Request) -> web.Response:
        """Nothing to end: this issuer asks each time. Go on only to where the client lives."""
        asked = _once(request.rel_url.query_string)
        target = asked.get("post_logout_redirect_uri", "")
        if target != self._client.home and not target.startswith(f"{self._client.home}/"):
            return _page("Signed out", paragraph("This issuer keeps nobody signed in."))
        state = f"?{urlencode({'state': asked['state']})}" if "state" in asked else ""
        return web.Response(status=303, headers={"Location": target + state})

    def _stranger(self, asked: Mapping[str, str]) -> web.Response | None:
        """Answer whoever is not our client here: no browser is sent to an address that is not theirs."""
        known = asked.get("client_id") == self._client.id
        if known and asked.get("redirect_uri") in self._client.redirect_uris:
            return None
        told = "client_id or redirect_uri is not the one that is registered here."
        return _page("This request is not for us", paragraph(told), status=400)

    def _check(self, asked: Mapping[str, str]) -> str:
        """Return the PKCE challenge of a request that can be granted (RFC 7636 4.3)."""
        if asked.get("response_type") != "code" or asked.get("response_mode", "query") != "query":
            raise AuthorizationRefused("unsupported_response_type")
        if "openid" not in asked.get("scope", "").split():
            raise AuthorizationRefused("invalid_scope")
        if asked.get("prompt") == "none":
            raise AuthorizationRefused("login_required")
        challenge = asked.get("code_challenge", "")
        if asked.get("code_challenge_method") != "S256" or len(challenge) != _CHALLENGE_LENGTH:
            raise AuthorizationRefused("invalid_request")
        return challenge

    def _send_back(self, asked: Mapping[str, str], **answer: str) -> web.Response:
        """Send the browser to the client, with `state` as it came and `iss` (RFC 9207)."""
        pairs = {**answer, "iss": self._url}
        if "state" in asked:
            pairs["state"] = asked["state"]
        location = f"{asked['redirect_uri']}?{urlencode(pairs)}"
        return web.Response(status=303, headers={"Location": location, **_NOT_STORED})

    def _is_client(self, authorization: str) -> bool:
        """Client authentication by `client_secret_basic`, form-encoded (RFC 6749 2.3.1)."""
        scheme, _, encoded = authorization.partition(" ")
        try:
            name, _, secret = b64decode(encoded, validate=True).decode("utf-8").partition(":")
        except ValueError:
            return False
        expected = f"{self._client.id}\n{self._client.secret}".encode()
        given = f"{unquote_plus(name)}\n{unquote_plus(secret)}".encode()
        return scheme.lower() == "basic" and hmac.compare_digest(given, expected)

    def _id_token(self, person: Person, access_token: str, *, nonce: str | None, at: int) -> str:
        """OpenID Connect Core 2."""
        now = int(self._clock())
        claims = {
            **person.claims(),
            "iss": self._url,
            "aud": self._client.id,
            "iat": now,
            "exp": now + ID_TOKEN_LIFE,
            "auth_time": at,
            "at_hash": at_hash(access_token),
        }
        if nonce is not None:
            claims["nonce"] = nonce
        return jwt.encode({"alg": "ES256", "kid": self._key.kid, "typ": "JWT"}, claims, self._key)


async def serve_issuer(issuer: DemoIssuer, *, host: str, port: int) -> web.AppRunner:
    """Return the issuer, listening; end it by `cleanup()`. Raises `ValueError` beyond loopback, `OSError`."""
    require_loopback(host)
    runner = web.AppRunner(issuer.application(), access_log=None, handle_signals=False, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError:
        await runner.cleanup()
        raise
    return runner


@web.middleware
async def _only_this_machine(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    if not names_loopback(request.headers.get("Host", "")):
        return web.Response(status=421, text="This issuer answers to localhost only.\n")
    return await handler(request)


def _once(encoded: str) -> dict[str, str]:
    """Return form-encoded pairs; a name that comes twice counts as absent (RFC 6749 3.1)."""
    pairs = parse_qsl(encoded, keep_blank_values=True, max_num_fields=64) if encoded.count("&") < 64 else []
    names = [name for name, _ in pairs]
    return {name: value for name, value in pairs if names.count(name) == 1}


def _buttons(asked: Mapping[str, str]) -> str:
    kept = "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
        for name, value in asked.items()
        if name != "person"
    )
    people = "".join(
        f'<button name="person" value="{escape(key)}">Sign in as {escape(key)}</button>' for key in PEOPLE
    )
    return (
        f'<form method="post" action="/authorize">{kept}{people}<button class="plain">Cancel</button></form>'
    )


def _page(title: str, *parts: str, status: int = 200) -> web.Response:
    body = page(title, *parts).encode("utf-8")
    return web.Response(status=status, body=body, headers=dict(HEADERS))

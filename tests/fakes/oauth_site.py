"""A whole provider of OAuth 2.0 without ID tokens, on loopback, beside the gateway of a `scene`.

    async with OAuthSite(clock=clock) as site: ...
        site.user = "ann"         # who consents, at once
        site.people["ann"]        # what userinfo tells; None: the member is left out
        site.faults               # see FAULTS
        site.lifetime             # seconds that an access token lives, None: it does not say
        site.gives_refresh        # whether there are refresh tokens; each is good once
        site.asked                # the query of each authorization request
        site.redeemed, site.refreshes, site.told   # calls so far
        site.current              # the access token given last

Codes count once, for the client, the redirect URI and the verifier they were made for.
"""

import secrets
from base64 import b64encode
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from aiohttp import web
from authlib.oauth2.rfc7636 import create_s256_code_challenge  # type: ignore[import-untyped]

FAULTS = {
    "token_down": "the token endpoint answers 503",
    "token_says_error": "it answers 200 with an error, as GitHub does",
    "token_html": "it answers 200 with a page",
    "another_type": "the access token is of another type than Bearer",
    "userinfo_down": "userinfo answers 503",
    "userinfo_refuses": "userinfo answers 401 to the token just given",
    "userinfo_list": "userinfo is a list",
    "cancelled": "the person says no",
    "broken": "the provider says server_error",
    "other_iss": "the answer names another issuer",
    "refused": "refresh tokens are refused",
    "refresh_down": "refreshes are answered 503",
}

CLIENT = ("gateway", "a-client-secret-canary")


class OAuthSite:
    """See the module."""

    def __init__(self, *, clock: Callable[[], float]) -> None:
        self.clock = clock
        self.user = "ann"
        self.people: dict[str, dict[str, Any]] = {
            "ann": {
                "id": 7,
                "email": "ann@forge.example",
                "confirmed": True,
                "profile": {"name": "Ann"},
                "groups": ["staff"],
            },
            "bob": {"id": 8, "email": "bob@forge.example", "confirmed": False, "profile": {"name": "Bob"}},
        }
        self.faults: set[str] = set()
        self.lifetime: int | None = 300
        self.gives_refresh = True
        self.asked: list[dict[str, str]] = []
        self.redeemed = self.refreshes = self.told = 0
        self.current = ""
        self.url = ""
        self._codes: dict[str, dict[str, str]] = {}
        self._access: dict[str, tuple[str, float]] = {}
        self._refresh: dict[str, str] = {}

    async def __aenter__(self) -> "OAuthSite":
        app = web.Application()
        app.router.add_get("/authorize", self._authorize)
        app.router.add_post("/token", self._token)
        app.router.add_get("/user", self._userinfo)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        listener = web.TCPSite(self._runner, "127.0.0.1", 0)
        await listener.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def table(self, more: str = 'email_verified_claim = "confirmed"') -> str:
        """The `[[providers]]` table of it, id `forge`."""
        return f"""
[[providers]]
id = "forge"
name = "Forge"
type = "oauth2"
authorization_endpoint = "{self.url}/authorize"
token_endpoint = "{self.url}/token"
userinfo_endpoint = "{self.url}/user"
client_id = "{CLIENT[0]}"
client_secret = "{CLIENT[1]}"
scopes = ["read_user"]
claims = {{ id = "id", name = "profile.name" }}
{more}
"""

    async def _authorize(self, request: web.Request) -> web.Response:
        asked = dict(request.query)
        self.asked.append(asked)
        answer = {"state": asked["state"]}
        if "cancelled" in self.faults:
            answer["error"] = "access_denied"
        elif "broken" in self.faults:
            answer["error"] = "server_error"
        else:
            answer["code"] = f"code-canary-{secrets.token_hex(8)}"
            self._codes[answer["code"]] = {**asked, "user": self.user}
        if "other_iss" in self.faults:
            answer["iss"] = "https://other.example"
        raise web.HTTPFound(f"{asked['redirect_uri']}?{urlencode(answer)}")

    async def _token(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        if request.headers.get("Authorization") != f"Basic {b64encode(':'.join(CLIENT).encode()).decode()}":
            return web.json_response({"error": "invalid_client"}, status=401)
        if form["grant_type"] == "refresh_token":
            return self._refreshed(form)
        self.redeemed += 1
        if "token_down" in self.faults:
            return web.Response(status=503)
        if "token_html" in self.faults:
            return web.Response(text="<h1>Hello</h1>", content_type="text/html")
        known = self._codes.pop(form["code"], {})
        proven = create_s256_code_challenge(form["code_verifier"]) == known.get("code_challenge")
        if "token_says_error" in self.faults or not proven or form["redirect_uri"] != known["redirect_uri"]:
            return web.json_response({"error": "bad_verification_code", "error_description": "<b>no</b>"})
        return web.json_response(self._given(known["user"]))

    def _refreshed(self, form: dict[str, str]) -> web.Response:
        self.refreshes += 1
        if "refresh_down" in self.faults:
            return web.Response(status=503)
        user = self._refresh.pop(form["refresh_token"], "")
        if "refused" in self.faults or not user:
            return web.json_response({"error": "invalid_grant"}, status=400)
        return web.json_response(self._given(user))

    def _given(self, user: str) -> dict[str, object]:
        self.current = f"at-canary-{secrets.token_hex(8)}"
        self._access[self.current] = (user, self.clock() + (self.lifetime or 3600))
        kind = "mac" if "another_type" in self.faults else "bearer"
        answer: dict[str, object] = {"access_token": self.current, "token_type": kind, "scope": "read_user"}
        if self.lifetime is not None:
            answer["expires_in"] = self.lifetime
        if self.gives_refresh:
            answer["refresh_token"] = f"rt-canary-{secrets.token_hex(8)}"
            self._refresh[str(answer["refresh_token"])] = user
        return answer

    async def _userinfo(self, request: web.Request) -> web.Response:
        self.told += 1
        user, until = self._access.get(
            request.headers.get("Authorization", "").removeprefix("Bearer "), ("", 0.0)
        )
        if "userinfo_down" in self.faults:
            return web.Response(status=503)
        if "userinfo_refuses" in self.faults or until <= self.clock():
            return web.json_response({"message": "Bad credentials"}, status=401)
        told = {name: value for name, value in self.people[user].items() if value is not None}
        return web.json_response([told] if "userinfo_list" in self.faults else told)

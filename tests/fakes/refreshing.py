"""An issuer whose refresh tokens rotate, and that revokes a family of them on the first reuse.

    issuer.refreshes          # refresh calls so far, whatever became of them
    issuer.lifetime           # seconds that its access tokens live
    issuer.rotating = False   # a refresh returns no new refresh token
    issuer.refresh_faults     # see REFRESH_FAULTS
    issuer.gate               # an event: refresh calls wait for it before they are answered
    issuer.stalls = 1         # so many refresh calls hang without their token being taken
    issuer.current            # the access token given last
    issuer.taken              # refresh tokens that were taken

    issuer.most_at_once       # refresh calls that were under way together
    issuer.asked_for          # the resource of each refresh call, None without one
    issuer.exchanges          # the forms of token exchanges (RFC 8693)
    issuer.exchange_answer    # laid over its answers to those, a status under "status"
    issuer.forgotten          # tokens that it was told to forget, in order
    issuer.revocation_status  # its answer to that, 0: none at all

Every access token is told from all others; those of a revoked family are no longer `valid`.
"""

import asyncio
import secrets
from itertools import count

from aiohttp import web

from tests.fakes.issuer import Claims, HostileIssuer

REFRESH_FAULTS = {
    "refused": "400 invalid_grant",
    "unknown_client": "401 invalid_client",
    "twitch": "400, a refusal in the words of Twitch",
    "down": "503",
    "cut": "the token is taken, and the connection cut before the answer",
    "html": "200 with a page",
    "other_sub": "an ID token about somebody else",
    "other_iss": "an ID token of another issuer",
    "other_aud": "an ID token for another client",
    "other_nonce": "an ID token with another nonce",
    "unsigned": "an ID token by a key that is not published",
    "dpop": "an access token of another type",
    "no_resource": "400 invalid_target for every resource",
}

EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"


class RefreshingIssuer(HostileIssuer):
    """See the module."""

    def __init__(self, **keys: object) -> None:
        super().__init__(**keys)  # type: ignore[arg-type]
        self.refreshes = 0
        self.lifetime: int | None = 300
        self.rotating = True
        self.with_id_token = True
        self.refresh_faults: set[str] = set()
        self.gate = asyncio.Event()
        self.gate.set()
        self.presented = asyncio.Event()
        self.stalls = 0
        self.stalled = asyncio.Event()
        self.taken = 0
        self.most_at_once = 0
        self._at_once = 0
        self.asked_for: list[str | None] = []
        self.exchanges: list[dict[str, str]] = []
        self.exchange_answer: Claims = {}
        self.forgotten: list[str] = []
        self.revocation_status = 200
        self.given: list[str] = []
        self.revoked: set[str] = set()
        self._families: dict[str, dict[str, str]] = {}
        self._live: dict[str, str] = {}
        self._spent: dict[str, str] = {}
        self._numbers = count(1)

    @property
    def current(self) -> str:
        """The access token that was given last."""
        return self.given[-1]

    def _tokens(self, asked: dict[str, str]) -> Claims:
        family = secrets.token_hex(8)
        self._families[family] = asked
        answer = {**super()._tokens(asked), **self._given(family)}
        if self.lifetime is None:
            del answer["expires_in"]
        return answer

    def _given(self, family: str) -> Claims:
        number = next(self._numbers)
        access_token = f"at-canary-{number}-{secrets.token_hex(8)}"
        self._access[access_token] = self._families[family]["user"]
        self.given.append(access_token)
        answer: Claims = {"access_token": access_token, "token_type": "Bearer"}
        if self.lifetime is not None:
            answer["expires_in"] = self.lifetime
        refresh_token = f"rt-canary-{number}-{secrets.token_hex(8)}"
        self._live[refresh_token] = family
        answer["refresh_token"] = refresh_token
        asked = self._families[family]
        answer["id_token"] = self.id_token(
            user=asked["user"], nonce=asked["nonce"], access_token=access_token
        )
        return answer

    def metadata(self) -> Claims:
        return {**super().metadata(), "revocation_endpoint": f"{self.url}/revoke"}

    def _more_routes(self, app: web.Application) -> None:
        app.router.add_post("/revoke", self._forget)

    async def _forget(self, request: web.Request) -> web.Response:
        if not self.revocation_status:
            await self._ending.wait()
        form = dict(await request.post())
        if not self._is_client(request, form):
            return web.Response(status=401)
        self.forgotten.append(str(form["token"]))
        return web.Response(status=self.revocation_status)

    async def _token(self, request: web.Request) -> web.StreamResponse:
        form = {name: str(value) for name, value in (await request.post()).items()}
        match form.get("grant_type"):
            case "refresh_token":
                self._at_once += 1
                self.most_at_once = max(self.most_at_once, self._at_once)
                try:
                    return await self._refresh(request, form)
                finally:
                    self._at_once -= 1
            case kind if kind == EXCHANGE:
                return self._exchange(request, form)
        return await super()._token(request)

    async def _refresh(self, request: web.Request, form: dict[str, str]) -> web.StreamResponse:
        self.refreshes += 1
        self.asked_for.append(form.get("resource"))
        if self.stalls:
            self.stalls -= 1
            self.stalled.set()
            await self._ending.wait()
        broken = await self._broken_token_answer(request) or self._broken(form)
        if broken is not None:
            return broken
        if not self._is_client(request, form):
            return web.json_response({"error": "invalid_client"}, status=401)
        family = self._family_of(form["refresh_token"])
        if family is None:
            return web.json_response({"error": "invalid_grant"}, status=400)
        answer = self._renewed(family)
        self.presented.set()
        await self.gate.wait()
        if "cut" in self.refresh_faults and request.transport is not None:
            request.transport.abort()
        return web.json_response(answer)

    def _family_of(self, refresh_token: str) -> str | None:
        """Return the family of a refresh token that is good, and spend it; a spent one ends its family."""
        if refresh_token in self._spent:
            self._revoke(self._spent[refresh_token])
            return None
        family = self._live.get(refresh_token)
        if family is not None:
            self.taken += 1
            if self.rotating:
                self._spent[refresh_token] = family
        return family

    def _exchange(self, request: web.Request, form: dict[str, str]) -> web.Response:
        self.exchanges.append(form)
        if not self._is_client(request, form):
            return web.json_response({"error": "invalid_client"}, status=401)
        if form["subject_token"] not in self.given:
            return web.json_response({"error": "invalid_request"}, status=400)
        number = next(self._numbers)
        answer: Claims = {
            "access_token": f"xt-canary-{number}-{form['audience']}",
            "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
            "token_type": "Bearer",
            "expires_in": self.lifetime,
            **self.exchange_answer,
        }
        status = answer.pop("status", 200)
        assert isinstance(status, int)
        return web.json_response(answer, status=status)

    def _renewed(self, family: str) -> Claims:
        overlays: dict[str, Claims] = {
            "other_sub": {"sub": "mallory-at-the-issuer"},
            "other_iss": {"iss": "https://other.example"},
            "other_aud": {"aud": "another-client"},
            "other_nonce": {"nonce": "n" * 43},
        }
        before, faults = dict(self.claims), set(self.faults)
        for fault in self.refresh_faults & overlays.keys():
            self.claims = {**self.claims, **overlays[fault]}
        if "unsigned" in self.refresh_faults:
            self.faults.add("foreign_key")
        answer = self._given(family)
        self.claims, self.faults = before, faults
        if not self.rotating:
            del self._live[str(answer.pop("refresh_token"))]
        if not self.with_id_token:
            del answer["id_token"]
        if "dpop" in self.refresh_faults:
            answer["token_type"] = "DPoP"
        return answer

    def _broken(self, form: dict[str, str]) -> web.Response | None:
        answers = {
            "refused": lambda: web.json_response({"error": "invalid_grant"}, status=400),
            "twitch": lambda: web.json_response(
                {"error": "Bad Request", "status": 400, "message": "Invalid refresh token"}, status=400
            ),
            "unknown_client": lambda: web.json_response({"error": "invalid_client"}, status=401),
            "html": lambda: web.Response(text="<h1>Sign in</h1>", content_type="text/html"),
            "down": lambda: web.Response(status=503),
        }
        if "resource" in form:
            answers["no_resource"] = lambda: web.json_response({"error": "invalid_target"}, status=400)
        return next((answers[fault]() for fault in self.refresh_faults & answers.keys()), None)

    def _revoke(self, family: str) -> None:
        """A spent token came back: nobody of its family is trusted any more (RFC 9700 4.14.2)."""
        self.revoked.add(family)
        for token in [token for token, its in self._live.items() if its == family]:
            del self._live[token]

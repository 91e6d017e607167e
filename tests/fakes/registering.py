"""An issuer where clients register themselves (RFC 7591).

issuer.registered            # the metadata of each client that came
issuer.initial_token = "t"   # what it asks for first
issuer.registration          # laid over its next answers; ABSENT removes a member
issuer.once_registered = call # what happens before its answer
issuer.deleted               # the paths of registrations that were deleted
issuer.deletion_status = 204 # what it answers to that
issuer.registration_status, issuer.registration_body    # something else altogether
"""

from collections.abc import Callable

from aiohttp import web

from tests.fakes.issuer import ABSENT, Claims, HostileIssuer


class RegisteringIssuer(HostileIssuer):
    """See the module."""

    def __init__(self, **settings: object) -> None:
        super().__init__(**settings)  # type: ignore[arg-type]
        self.registered: list[Claims] = []
        self.initial_token = ""
        self.registration: Claims = {}
        self.registration_status = 201
        self.registration_body: str | None = None
        self.overlay: Claims = {}
        self.once_registered: Callable[[], object] = bool
        self.deleted: list[str] = []
        self.deletion_status = 204

    def metadata(self) -> Claims:
        document = {**super().metadata(), "registration_endpoint": f"{self.url}/register", **self.overlay}
        return {name: value for name, value in document.items() if value is not ABSENT}

    def _more_routes(self, app: web.Application) -> None:
        app.router.add_post("/register", self._register)
        app.router.add_delete("/register/7", self._delete)

    async def _register(self, request: web.Request) -> web.Response:
        if self.initial_token and request.headers.get("Authorization") != f"Bearer {self.initial_token}":
            return web.json_response({"error": "invalid_token"}, status=401)
        asked = await request.json()
        self.registered.append(asked)
        self.once_registered()
        if self.registration_body is not None:
            return web.Response(status=self.registration_status, text=self.registration_body)
        answer = {
            **asked,
            "client_id": "client 7",
            "client_secret": "canary-secret",
            "client_secret_expires_at": 0,
            "registration_client_uri": f"{self.url}/register/7",
            "registration_access_token": "canary-token",
            **self.registration,
        }
        answer = {name: value for name, value in answer.items() if value is not ABSENT}
        return web.json_response(answer, status=self.registration_status)

    async def _delete(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != "Bearer canary-token":
            return web.json_response({"error": "invalid_token"}, status=401)
        if self.deletion_status == 204:
            self.deleted.append(request.path)
        return web.Response(status=self.deletion_status)

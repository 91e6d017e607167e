"""An issuer that is told what a login asks for before the browser comes (RFC 9126, RFC 9101).

    issuer.required = False       # it then takes plain requests too
    issuer.client_keys = public JWKs    # what request objects must be signed with
    issuer.push_faults            # see PUSH_FAULTS
    issuer.pushed                 # the forms that came

A reference is good once, and the browser may carry nothing but it and the client_id.
"""

import json
import secrets
from urllib.parse import parse_qsl, urlencode, urlsplit

from aiohttp import web
from joserfc import jws
from joserfc.jwk import KeySet

from tests.fakes.issuer import Claims, HostileIssuer

PUSH_FAULTS = {
    "refused": "400 invalid_request",
    "unknown_client": "401 invalid_client",
    "down": "503",
    "html": "201 with a page",
    "no_reference": "201 without request_uri",
    "script": "request_uri is javascript:",
    "spaces": "request_uri with a space and more parameters",
    "long": "request_uri of 10,000 characters",
    "redirect": "307 to elsewhere",
}


class PushedIssuer(HostileIssuer):
    """See the module."""

    def __init__(self, **settings: object) -> None:
        super().__init__(**settings)  # type: ignore[arg-type]
        self.required = True
        self.offers = True
        self.client_keys: dict[str, object] | None = None
        self.push_faults: set[str] = set()
        self.pushed: list[dict[str, str]] = []
        self.heads: list[Claims] = []
        self.objects: list[Claims] = []
        self._waiting: dict[str, dict[str, str]] = {}

    def metadata(self) -> Claims:
        offered = {"pushed_authorization_request_endpoint": f"{self.url}/par"} if self.offers else {}
        return {
            **super().metadata(),
            **offered,
            "require_pushed_authorization_requests": self.required,
        }

    def _more_routes(self, app: web.Application) -> None:
        super()._more_routes(app)
        app.router.add_post("/par", self._push)

    async def _push(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        if not self._is_client(request, form):
            return web.json_response({"error": "invalid_client"}, status=401)
        broken = self._broken_push()
        if broken is not None:
            return broken
        if len(list((await request.post()).keys())) != len(form):
            return web.json_response({"error": "invalid_request"}, status=400)
        reference = f"urn:ietf:params:oauth:request_uri:{secrets.token_hex(16)}"
        self.pushed.append(form)
        self._waiting[reference] = form
        return web.json_response({"request_uri": reference, "expires_in": 60}, status=201)

    def _broken_push(self) -> web.Response | None:
        fault = next(iter(self.push_faults), "")
        references = {
            "script": "javascript:alert(1)",
            "spaces": "urn:x&redirect_uri=https://evil.example y",
            "long": "urn:" + "x" * 10_000,
        }
        if fault in references:
            return web.json_response({"request_uri": references[fault], "expires_in": 60}, status=201)
        answers = {
            "refused": lambda: web.json_response({"error": "invalid_request"}, status=400),
            "unknown_client": lambda: web.json_response({"error": "invalid_client"}, status=401),
            "down": lambda: web.Response(status=503),
            "html": lambda: web.Response(status=201, text="<h1>Hello</h1>", content_type="text/html"),
            "no_reference": lambda: web.json_response({"expires_in": 60}, status=201),
            "redirect": lambda: web.Response(status=307, headers={"Location": f"{self.url}/elsewhere"}),
        }
        return answers[fault]() if fault else None

    def consent(self, url: str) -> str:
        asked = dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))
        if "request_uri" in asked:
            if asked.keys() != {"client_id", "request_uri"}:
                raise ValueError("the browser carries more than a reference")
            asked = self._waiting.pop(asked["request_uri"])
        elif self.required:
            raise ValueError("not pushed")
        asked = self._opened(asked) if "request" in asked else asked
        return super().consent(f"{self.url}/authorize?{urlencode(asked)}")

    def _opened(self, asked: dict[str, str]) -> dict[str, str]:
        known = KeySet.import_key_set(self.client_keys)  # type: ignore[arg-type]
        token = jws.deserialize_compact(asked["request"], known, algorithms=["ES256"])
        claims = json.loads(token.payload)
        self.heads.append(token.headers())
        self.objects.append(claims)
        return {name: str(value) for name, value in claims.items()}

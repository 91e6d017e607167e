"""WSGI (PEP 3333): no request reaches the app unless the gateway vouches for it."""

import json
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from typing import Any

from gateway.verify.caller import Caller, VerificationFailed
from gateway.verify.received import from_environ
from gateway.verify.signature import SignatureVerifier, sender
from gateway.verify.verifier import Verifier

Environ = MutableMapping[str, Any]
App = Callable[[Any, Any], Iterable[bytes]]
CALLER = "gateway.caller"
_REASONS: Mapping[int, str] = {401: "Unauthorized", 403: "Forbidden", 503: "Service Unavailable"}


class RequireAssertion:
    """Puts the `Caller` into `environ["gateway.caller"]`, or answers 401, 403 or 503 itself.

    With *anonymous* a request that carries neither assertion nor user id passes with None there, for
    apps behind `public` and `optional` routes. *user_header* None: the app reads no user id.
    """

    def __init__(
        self,
        app: App,
        verifier: Verifier,
        *,
        header: str = "X-Gateway-Assertion",
        user_header: str | None = "X-User-Id",
        anonymous: bool = False,
    ) -> None:
        self._app = app
        self._verifier = verifier
        self._header = _variable(header)
        self._user_header = None if user_header is None else _variable(user_header)
        self._anonymous = anonymous

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Verify, then call the app, or refuse."""
        try:
            environ[CALLER] = self._caller(environ)
        except VerificationFailed as failed:
            return _refuse(failed, start_response)
        return self._app(environ, start_response)

    def _caller(self, environ: Mapping[str, Any]) -> Caller | None:
        assertions = [environ[self._header]] if self._header in environ else []
        user_ids = None
        if self._user_header is not None:
            user_ids = [environ[self._user_header]] if self._user_header in environ else []
        if self._anonymous and not assertions and not user_ids:
            return None
        return self._verifier.identify(assertions, user_ids)


class RequireSignature:
    """As `RequireAssertion`, for signed requests: outermost, since what was signed is what came.

    With *anonymous* a request that the gateway signed for nobody passes, with None; one that it did not
    sign never does. Of servers that tell no raw target (`REQUEST_URI`, `RAW_URI`) only plainly spelled
    paths verify. No signed header with `_` in its name does: WSGI tells it as one with `-`.
    """

    def __init__(self, app: App, verifier: SignatureVerifier, *, anonymous: bool = False) -> None:
        self._app = app
        self._verifier = verifier
        self._anonymous = anonymous

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Verify, then call the app, or refuse."""
        try:
            environ[CALLER] = sender(self._verifier, lambda: from_environ(environ), anonymous=self._anonymous)
        except VerificationFailed as failed:
            return _refuse(failed, start_response)
        return self._app(environ, start_response)


def _variable(header: str) -> str:
    return "HTTP_" + header.upper().replace("-", "_")


def _refuse(failed: VerificationFailed, start_response: Callable[..., Any]) -> Iterable[bytes]:
    body = json.dumps({"error": failed.code}).encode()
    headers = [
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(body))),
        ("Cache-Control", "no-store"),
    ]
    start_response(f"{failed.status} {_REASONS[failed.status]}", headers)
    return [body]

"""A legacy app as one finds it: it knows nothing of OAuth and believes the headers in front of it.

It shows what it received, and proves by the assertion that it came through the gateway.
"""

from collections.abc import Callable, Iterable, Mapping
from socketserver import ThreadingMixIn
from typing import Any
from urllib.parse import unquote
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from gateway.demo.loopback import require_loopback
from gateway.demo.pages import HEADERS, folded, links, page, paragraph, table
from gateway.verify import VerificationFailed, Verifier

IDENTITY = (
    "X-User-Id",
    "X-User-Name",
    "X-User-Email",
    "X-User-Roles",
    "X-User-Groups",
    "X-Gateway-Assertion",
)
PASSED_ON = ("X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "Via", "X-Request-Id", "traceparent")
HOME, PUBLIC, ADMIN, SIGN_OUT = "/", "/public", "/admin", "/.gateway/signout"

StartResponse = Callable[..., Any]
Environ = Mapping[str, Any]


class SampleApp:
    """The app as a WSGI callable; *verifier* holds the gateway's assertions against its keys."""

    def __init__(self, *, verifier: Verifier) -> None:
        self._verifier = verifier
        self._pages: Mapping[str, Callable[[Environ], str]] = {
            HOME: self._home,
            PUBLIC: self._public,
            ADMIN: self._admin,
        }

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer with a page."""
        write = self._pages.get(environ.get("PATH_INFO", ""))
        body = (write(environ) if write else _nowhere()).encode("utf-8")
        headers = [*HEADERS, ("Content-Length", str(len(body)))]
        start_response("200 OK" if write else "404 Not Found", headers)
        return [] if environ.get("REQUEST_METHOD") == "HEAD" else [body]

    def _home(self, environ: Environ) -> str:
        return page(
            f"Hello, {_who(environ)}!",
            paragraph("A plain old app: it has no login and read who you are from the request headers."),
            *self._received(environ),
            links((ADMIN, "Admin page"), (PUBLIC, "Public page"), (SIGN_OUT, "Sign out")),
        )

    def _admin(self, environ: Environ) -> str:
        return page(
            "The admin page",
            paragraph(
                f"Only the role admin gets here; {_who(environ)} has it, as the gateway's database says."
            ),
            *self._received(environ),
            links((HOME, "Home"), (PUBLIC, "Public page"), (SIGN_OUT, "Sign out")),
        )

    def _public(self, environ: Environ) -> str:
        return page(
            "The public page",
            paragraph("Everybody may read this. The gateway tells this page nothing about anybody."),
            *self._received(environ),
            links((HOME, "Home, for signed-in people")),
        )

    def _received(self, environ: Environ) -> Iterable[str]:
        proof, kind = self._proof(environ)
        yield paragraph(proof, kind=kind)
        yield "<h2>Who the gateway says you are</h2>"
        identity = list(_present(environ, IDENTITY))
        yield table(identity) if identity else paragraph("It sent no identity.", kind="dim")
        yield folded("What else it added", table(_present(environ, PASSED_ON)))

    def _proof(self, environ: Environ) -> tuple[str, str]:
        """Return what the assertion proves, and whether that is good."""
        assertion = _header(environ, "X-Gateway-Assertion")
        if assertion is None:
            return "There is no assertion to verify.", "dim"
        user_id = _header(environ, "X-User-Id")
        try:
            self._verifier.identify([assertion], [] if user_id is None else [user_id])
        except VerificationFailed as failed:
            return f"The assertion does NOT verify: {failed}.", "bad"
        return "The assertion verifies: the gateway signed it, for this app, about this user.", "good"


def _who(environ: Environ) -> str:
    """Return the caller's name, else the e-mail; values that are not ASCII come percent-encoded."""
    value = _header(environ, "X-User-Name") or _header(environ, "X-User-Email") or "stranger"
    return unquote(value)


def _present(environ: Environ, names: Iterable[str]) -> Iterable[tuple[str, str]]:
    for name in names:
        if (value := _header(environ, name)) is not None:
            yield name, value


def _header(environ: Environ, name: str) -> str | None:
    value: str | None = environ.get("HTTP_" + name.upper().replace("-", "_"))
    return value


def _nowhere() -> str:
    return page("Nothing here", paragraph("The app has no such page."), links((HOME, "Home")))


class AppServer(ThreadingMixIn, WSGIServer):
    """A thread a request, as legacy servers do it."""

    daemon_threads = True
    request_queue_size = 64


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Leave the log to the gateway."""

    def address_string(self) -> str:
        """Ask no name server."""
        return str(self.client_address[0])


def serve_app(app: SampleApp, *, host: str, port: int) -> AppServer:
    """Return a server that listens on a loopback address and is still to be run."""
    require_loopback(host)
    return make_server(host, port, app, server_class=AppServer, handler_class=_Quiet)

"""Routes that take bearers, told to programs: challenges (RFC 6750 3) and metadata (RFC 9728).

A resource is a route at the host that was asked: its identifier is that origin and the route's path, and
its metadata is at `/.well-known/oauth-protected-resource` followed by that path.
"""

from collections.abc import Mapping
from urllib.parse import quote

from gateway.errors import MethodRefused, NoRoute, NoSuchPage, RequestRejected, Resource
from gateway.model.answer import Answer
from gateway.model.bearer import Bearer
from gateway.model.inbound import Inbound
from gateway.model.route import covers
from gateway.routing.table import Table
from gateway.web.replies import Replies

WELL_KNOWN = "/.well-known/oauth-protected-resource"
_KEPT = 300
# What a path may hold as it is (RFC 3986 3.3); `"` is not among it.
_AS_IT_IS = "/:@!$&'()*+,;=~"


def is_well_known(path: str) -> bool:
    """Say whether *path* is where metadata of a resource lies, if any route takes bearers."""
    return path.startswith(WELL_KNOWN) and covers(WELL_KNOWN, path)


class ProtectedResources:
    """Answers what is well known about the routes of *table* that take bearers."""

    def __init__(self, table: Table, *, replies: Replies) -> None:
        self._table = table
        self._replies = replies
        self._any = any(route.bearer is not None for route in table.ordered)

    def covers(self, path: str) -> bool:
        """Say whether *path* is ours to answer: it is no app's where any route takes bearers."""
        return self._any and is_well_known(path)

    def handle(self, inbound: Inbound) -> Answer:
        """Return the metadata of the resource asked about.

        Raises NoSuchPage, MethodRefused, and RequestRejected for another spelling than a challenge has.
        """
        if inbound.method not in ("GET", "HEAD"):
            raise MethodRefused(inbound.method, allow=("GET", "HEAD"))
        path = inbound.path.removeprefix(WELL_KNOWN)
        if inbound.target.partition(b"?")[0] != (WELL_KNOWN + quote(path, safe=_AS_IT_IS)).encode("ascii"):
            raise RequestRejected("our own paths have one spelling")
        path = path or "/"
        told = _metadata(inbound, path, self._taken_at(inbound.host, path))
        return self._replies.public_document(told, seconds=_KEPT)

    def _taken_at(self, host: str, path: str) -> Bearer:
        """Return the tokens that the resource takes, which is a route's path to the letter."""
        try:
            route = self._table.match(host, path)
        except NoRoute:
            raise NoSuchPage(path) from None
        if route.bearer is None or route.path != path:
            raise NoSuchPage(path)
        return route.bearer


def _metadata(inbound: Inbound, path: str, bearer: Bearer) -> dict[str, object]:
    """Return what RFC 9728 2 wants told, nothing that is not in a challenge or a token anyway; lists that
    would be empty are left out (3.2)."""
    told: dict[str, object] = {
        "resource": f"{inbound.scheme}://{inbound.host}{_tail(path)}",
        "bearer_methods_supported": ["header"],
    }
    if bearer.issuers:
        told["authorization_servers"] = [each.issuer for each in bearer.issuers]
    if bearer.scopes:
        told["scopes_supported"] = list(bearer.scopes)
    return told


def bearer_challenge(resource: Resource, inbound: Inbound, told: Mapping[str, object]) -> bytes:
    """Return the value of `WWW-Authenticate` that asks for a bearer's token, or says why one will not do.

    *told* are further parameters; no value can hold a quotation mark.
    """
    parameters = dict(told)
    if resource.scopes:
        parameters["scope"] = " ".join(resource.scopes)
    metadata = f"{inbound.scheme}://{inbound.host}{WELL_KNOWN}{_tail(resource.path)}"
    parameters["resource_metadata"] = metadata
    listed = ", ".join(f'{name}="{value}"' for name, value in parameters.items())
    return f"Bearer {listed}".encode("ascii")


def _tail(path: str) -> str:
    """Return a route's path as it follows an origin: the root adds nothing (RFC 9728 3.1)."""
    return "" if path == "/" else quote(path, safe=_AS_IT_IS)

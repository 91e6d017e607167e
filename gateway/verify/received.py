"""A request as its server received it: the raw form of what was signed, and nothing that rewrote it.

The law: what the app reads is what was signed. Where a server tells both the raw target and what it
made of it, the two must agree; where it tells only the latter, its plain spelling counts as the raw one,
and a request that was spelled otherwise does not verify.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote, unquote_to_bytes

from gateway.verify.strict import Invalid

_IN_PATH = "/!$&'()*+,;=:@~"  # RFC 3986 3.3, beyond what `quote` leaves alone
_PORTS = {"http": ":80", "ws": ":80", "https": ":443", "wss": ":443"}
_RAW_TARGETS = ("REQUEST_URI", "RAW_URI")
_UNPREFIXED = ("CONTENT_TYPE", "CONTENT_LENGTH")

Fields = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """Method, scheme, `Host`, raw path and query (without `?`), and every header field in order."""

    method: str
    scheme: str
    path: str
    query: str
    fields: Fields

    @property
    def authority(self) -> str:
        """`@authority` (RFC 9421 2.2.3). Raises `Invalid` unless exactly one Host came."""
        host = self.one("host").lower()
        return host.removesuffix(_PORTS.get(self.scheme, ""))

    def values(self, name: str) -> list[str]:
        """Return every value whose field name folds to *name*: an app may read any of them."""
        return [value for field, value in self.fields if folded(field) == name]

    def one(self, name: str) -> str:
        """Return the value of the only field that can be read as *name*, which is in lower case.

        Raises `Invalid` for any other number, and where it is spelled otherwise.
        """
        alike = folded(name)
        found = [(field, value) for field, value in self.fields if folded(field) == alike]
        if len(found) != 1:
            raise Invalid(f"{name} is not there exactly once")
        field, value = found[0]
        if field.lower() != name:
            raise Invalid(f"{name} is spelled so that some read it and others do not")
        return value


def folded(name: str) -> str:
    """Return *name* as the least careful app reads it: case, `_` and `.` as one."""
    return name.lower().replace("_", "-").replace(".", "-")


def from_scope(scope: Mapping[str, Any]) -> Received:
    """Return the request of an ASGI *scope*; raise `Invalid` where it contradicts itself."""
    raw = scope.get("raw_path")
    path = quote(scope["path"], safe=_IN_PATH) if raw is None else _text(raw)
    if unquote(path) != scope["path"]:
        raise Invalid("the path that the app reads is not the one that came")
    return Received(
        method=scope.get("method", "GET"),  # a WebSocket begins with a GET (RFC 6455 4.1)
        scheme=scope.get("scheme", "http"),
        path=path,
        query=_text(scope.get("query_string", b"")),
        fields=tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]),
    )


def _text(raw: bytes) -> str:
    try:
        return raw.decode("ascii")
    except UnicodeDecodeError:
        raise Invalid("the target is not ASCII") from None


def from_environ(environ: Mapping[str, Any]) -> Received:
    """Return the request of a WSGI *environ*; raise `Invalid` where it contradicts itself."""
    decoded = (environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")).encode("latin-1")
    query = environ.get("QUERY_STRING", "")
    target = next((environ[name] for name in _RAW_TARGETS if name in environ), None)
    path = quote(decoded, safe=_IN_PATH)
    if target is not None:
        path, _, raw_query = target.partition("?")
        if raw_query != query:
            raise Invalid("the query that the app reads is not the one that came")
    if unquote_to_bytes(path) != decoded:
        raise Invalid("the path that the app reads is not the one that came")
    return Received(
        method=environ["REQUEST_METHOD"],
        scheme=environ["wsgi.url_scheme"],
        path=path,
        query=query,
        fields=tuple(_fields(environ)),
    )


def _fields(environ: Mapping[str, Any]) -> list[tuple[str, str]]:
    named = [(key.removeprefix("HTTP_"), key) for key in environ if key.startswith("HTTP_")]
    named += [(key, key) for key in _UNPREFIXED if environ.get(key)]
    return [(name.lower().replace("_", "-"), environ[key]) for name, key in named]

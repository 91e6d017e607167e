"""Return targets: where a browser may be sent after a login or a sign-out (RFC 9700 4.11).

A target is accepted only if no two parsers could read it differently, and it is never repaired:
whatever fails is refused where the client gave it. Everything that is stored, sealed or sent in a
`Location` later has passed `ReturnTargets.check`.

An encoded space is the one byte up to 0x20 that may be spelled: a page called `/a%20b` has to lead
back to itself, and no browser deletes it.
"""

import re
from urllib.parse import unquote_to_bytes, urlsplit

from gateway.errors import TargetRefused
from gateway.model.inbound import Inbound

LONGEST = 2048

_ABSOLUTE = re.compile(r"(https?://[a-z0-9.\-_\[\]:]+)(/.*)?", re.DOTALL)
_BROKEN_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_VISIBLE = frozenset(map(chr, range(0x21, 0x7F))) - {"\\"}
_CONTROLS = frozenset(range(0x20)) | {0x7F, ord("\\")}


class ReturnTargets:
    """The targets of one gateway.

    `public_url` is its origin; `hosts` are the hosts of its routes, exact or `*.example.com`, all
    on the scheme and port of `public_url`; `prefix` is where our own endpoints are.
    """

    def __init__(self, *, public_url: str, hosts: frozenset[str], prefix: str) -> None:
        parts = urlsplit(public_url)
        self._origin = f"{parts.scheme}://{parts.netloc}"
        self._scheme = parts.scheme
        self.host = parts.netloc
        port = f":{parts.port}" if parts.port else ""
        exact = {host for host in hosts if not host.startswith("*.")}
        self._origins = frozenset({f"{parts.scheme}://{_with_port(host, port)}" for host in exact})
        self._suffixes = tuple(f"{host[1:]}{port}" for host in hosts - exact)
        self._prefix = prefix
        self._account = frozenset(f"{prefix}/account{page}" for page in ("", "/password", "/tokens"))
        self._admin = f"{prefix}/admin/"

    def origin(self, host: str) -> str:
        """Return the origin of *host* where a route names it, else that of `public_url`."""
        origin = f"{self._scheme}://{host}"
        return origin if self._knows(origin) else self._origin

    def is_home(self, host: str) -> bool:
        """Say whether *host* is where logins live, or as good as: no route names another."""
        return self.origin(host) == self._origin

    def seen_from(self, host: str, target: str) -> str:
        """Return a checked *target* as a location that leads there from a page on *host*."""
        return target if self.is_home(host) or not target.startswith("/") else self._origin + target

    def check(self, raw: str, *, host: str = "") -> str:
        """Return *raw* if it is a safe target: origin-form on our own origin, else absolute.

        A path that was given to us on *host* is a path there. Raises TargetRefused.
        """
        if raw.startswith("/") and not self.is_home(host):
            raw = self.origin(host) + raw
        if not 0 < len(raw) <= LONGEST or not all(letter in _VISIBLE for letter in raw):
            raise TargetRefused("empty, too long, or a byte that browsers read in their own way")
        if raw.startswith("/"):
            self._check_local(raw)
            return raw
        found = _ABSOLUTE.fullmatch(raw)
        if found is None or not self._knows(found[1]):
            raise TargetRefused("neither a path nor an origin of ours")
        local = found[2] or "/"
        self._check_local(local)
        return local if found[1] == self._origin else found[1] + local

    def original(self, inbound: Inbound) -> str | None:
        """Return the target that leads back to *inbound*, None where it would not be accepted."""
        local = inbound.target.decode("latin-1")
        raw = local if inbound.host == self.host else f"{self._scheme}://{inbound.host}{local}"
        try:
            return self.check(raw)
        except TargetRefused:
            return None

    def _knows(self, origin: str) -> bool:
        if origin == self._origin or origin in self._origins:
            return True
        scheme, _, host = origin.partition("://")
        return scheme == self._scheme and any(_is_below(host, suffix) for suffix in self._suffixes)

    def _check_local(self, local: str) -> None:
        located, _, fragment = local.partition("#")
        path, _, query = located.partition("?")
        if not _CONTROLS.isdisjoint(unquote_to_bytes(query) + unquote_to_bytes(fragment)):
            raise TargetRefused("control character or backslash after the path")
        decoded = _decoded(path)
        _check_segments(decoded)
        self._check_ours(path, decoded)
        # A second parser has to see the same path and no authority.
        parts = urlsplit(local)
        if parts.scheme or parts.netloc or parts.path != path:
            raise TargetRefused("two parsers read it differently")

    def _check_ours(self, path: str, decoded: str) -> None:
        """Under the prefix only the pages that start no flow of their own are targets."""
        bare = "/".join(segment.partition(";")[0] for segment in decoded.split("/")).casefold()
        prefix = self._prefix.casefold()
        if bare != prefix and not bare.startswith(f"{prefix}/"):
            return
        if path not in self._account and not path.startswith(self._admin):
            raise TargetRefused("an endpoint of our own")


def _with_port(host: str, port: str) -> str:
    return host if ":" in host.rpartition("]")[2] else host + port


def _is_below(host: str, suffix: str) -> bool:
    label = host.removesuffix(suffix)
    return label != host and all(re.fullmatch(r"[a-z0-9_-]+", part) for part in label.split("."))


def _decoded(path: str) -> str:
    if _BROKEN_PERCENT.search(path):
        raise TargetRefused("broken percent sign")
    raw = unquote_to_bytes(path)
    if not _CONTROLS.isdisjoint(raw):
        raise TargetRefused("control character or backslash in the path")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise TargetRefused("path is not UTF-8") from None


def _check_segments(path: str) -> None:
    if not path.startswith("/") or "//" in path:
        raise TargetRefused("doubled slash")
    if any(segment.partition(";")[0] in (".", "..") for segment in path.split("/")):
        raise TargetRefused("dot segment")

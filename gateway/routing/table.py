"""Which route governs a host and a path: looked up, never searched.

The cost of a match depends on the segments of the path that a route could name, not on the number
of routes. No pattern is ever run over what a client sent.
"""

from collections.abc import Iterator, Sequence

from gateway.errors import NoRoute
from gateway.model.route import Route
from gateway.routing.policy import prepared

WILDCARD = "*."
_HOSTS_KEPT = 1024


class Prefixes:
    """The routes of one host (or of one wildcard, or of none), by the path they name."""

    def __init__(self) -> None:
        self._routes: dict[str, Route] = {}
        self._reach = 0

    def add(self, route: Route) -> None:
        """Take *route* in; raise `ValueError` where its path is taken or is not canonical."""
        if not route.path.startswith("/") or "//" in route.path:
            raise ValueError(f"not a path prefix: {route.path!r}")
        if route.path in self._routes:
            raise ValueError(f"two routes govern {route.host or 'any host'} {route.path}")
        self._routes[route.path] = route
        self._reach = max(self._reach, len(route.path))

    def longest(self, path: str) -> Route | None:
        """Return the route with the longest prefix that covers *path*, if there is one."""
        return next(self.covering(path), None)

    def covering(self, path: str) -> Iterator[Route]:
        """Yield the routes whose prefix covers *path*, the longest first.

        Only segment ends within the longest prefix are looked at, so a long path costs no more.
        """
        routes = self._routes
        if path[-1:] != "/" and (route := routes.get(path)):
            yield route
        slash = path.rfind("/", 0, self._reach + 1)
        while slash >= 0:
            if route := routes.get(path[: slash + 1]):
                yield route
            if (route := routes.get(path[:slash])) and path[slash - 1 : slash] != "/":
                yield route
            slash = path.rfind("/", 0, slash)


class Table:
    """Every route, compiled: an exact host beats `*.example.com` beats none, then the longest path.

    A wildcard stands for exactly one label, as in certificates (RFC 6125 6.4.3). A host without a
    port governs every port.
    """

    def __init__(self, routes: Sequence[Route]) -> None:
        self._exact: dict[str, Prefixes] = {}
        self._wild: dict[str, Prefixes] = {}
        self._any = Prefixes()
        self._chains: dict[str, tuple[Prefixes, ...]] = {}
        compiled = [prepared(route) for route in routes]
        for route in compiled:
            self._prefixes_of(route.host).add(route)
        self.ordered: tuple[Route, ...] = tuple(sorted(compiled, key=_specificity))
        self.hosts: frozenset[str] = frozenset(route.host for route in compiled if route.host)

    def match(self, host: str, path: str) -> Route:
        """Return the route that governs a canonical *host* and *path*; raise `NoRoute`."""
        chain = self._chains.get(host)
        if chain is None:
            chain = self._remember(host)
        for prefixes in chain:
            route = prefixes.longest(path)
            if route is not None:
                return route
        raise NoRoute(f"{host}{path}")

    def candidates(self, host: str, path: str) -> Iterator[Route]:
        """Yield every route that could govern, the one that does first."""
        for prefixes in self._chain(host):
            yield from prefixes.covering(path)

    def governs(self, host: str) -> bool:
        """Say whether a route names *host*, itself or by a wildcard.

        A route without a host names none: it governs the hosts that are ours for another reason.
        """
        return next(self._for_host(host), None) is not None

    def _chain(self, host: str) -> tuple[Prefixes, ...]:
        return (*self._for_host(host), self._any)

    def _remember(self, host: str) -> tuple[Prefixes, ...]:
        if len(self._chains) >= _HOSTS_KEPT:
            self._chains.clear()
        chain = self._chains[host] = self._chain(host)
        return chain

    def _for_host(self, host: str) -> Iterator[Prefixes]:
        if prefixes := self._exact.get(host):
            yield prefixes
        name = without_port(host)
        if name is not host and (prefixes := self._exact.get(name)):
            yield prefixes
        if self._wild and (prefixes := self._wild.get(name.partition(".")[2])):
            yield prefixes

    def _prefixes_of(self, host: str | None) -> Prefixes:
        if host is None:
            return self._any
        if host.startswith(WILDCARD):
            return self._wild.setdefault(host.removeprefix(WILDCARD), Prefixes())
        return self._exact.setdefault(host, Prefixes())


def without_port(host: str) -> str:
    """Return *host* without its port; the colons of a bracketed IPv6 address are no port."""
    if ":" not in host:
        return host
    name, _, port = host.rpartition(":")
    return name if port.isdigit() and name else host


def _specificity(route: Route) -> tuple[int, str, int, str]:
    host = route.host or ""
    rank = 2 if not host else int(host.startswith(WILDCARD))
    return rank, host, -len(route.path), route.path

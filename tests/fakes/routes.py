"""Routes with everything but what a test is about filled in."""

from typing import Any

from gateway.model.route import Route
from gateway.model.upstream import Member, Upstream

UPSTREAM = Upstream(name="app", members=(Member(host="127.0.0.1", port=9401),), audience="app")


def route(path: str = "/", *, host: str | None = None, **facts: Any) -> Route:
    """Return a route named after its host and path, unless *facts* name it."""
    return Route(**{"name": f"{host or ''}{path}", "host": host, "path": path, "upstream": UPSTREAM, **facts})

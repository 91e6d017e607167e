"""Routes in the console: the table of `gateway routes`, as this process goes by it."""

from collections.abc import Sequence

from gateway.model.answer import Answer
from gateway.model.route import Route
from gateway.routing.listing import described, row
from gateway.web.console_door import Pass
from gateway.web.console_query import address, number_in
from gateway.web.pages import Pages
from gateway.web.shown import shown
from gateway.web.visit import Visit

PAGE = 100
"""Routes on one page."""

LONGEST = 1000
"""Characters of the rules of one route."""


class ConsoleRoutes:
    """`/admin/routes`. *routes* are in the order in which they are tried."""

    def __init__(self, routes: Sequence[Route], *, pages: Pages, prefix: str) -> None:
        self._routes = routes
        self._pages = pages
        self._here = f"{prefix}/admin/routes"

    async def show_all(self, visit: Visit, _: Pass) -> Answer:
        """GET /admin/routes: a page of routes, those that come `after` so many."""
        after = number_in(visit.query, "after") or 0
        upto = after + PAGE
        facts = {
            "here": "routes",
            "routes": [_row(route) for route in self._routes[after:upto]],
            "count": len(self._routes),
            "paged": after > 0,
            "first": self._here,
            "more": address(self._here, {"after": str(upto)}) if upto < len(self._routes) else "",
        }
        return self._pages.form("console_routes.html", facts, cookies=())


def _row(route: Route) -> dict[str, object]:
    host, path, access, rules, upstream = row(described(route))
    return {
        "name": shown(route.name),
        "place": shown(path if host == "*" else host + path, longest=256),
        "access": access,
        "rules": [] if rules == "-" else shown(rules, longest=LONGEST).split(" "),
        "upstream": shown(upstream, longest=LONGEST),
    }

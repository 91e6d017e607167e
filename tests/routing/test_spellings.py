"""However an app reads a path, the route that governed the request governs what it serves."""

from contextlib import nullcontext

import pytest

from gateway.errors import RequestRejected
from gateway.model.route import Access, Route
from gateway.model.upstream import Member, Upstream
from gateway.routing.spellings import check_spellings
from gateway.routing.table import Table
from tests.fakes.dressing import inbound, told_route

TWO = Upstream(name="two", members=(Member(host="127.0.0.1", port=9402),), audience="two")
CLOSED = told_route("/admin", access=Access.PUBLIC, upstream=TWO)
ALL = frozenset({"//", "%2f", ";"})


def check(target: str, path: str, spellings: set[str], *routes: Route) -> None:
    table = Table(routes)
    to = inbound(target=target.encode(), path=path, spellings=frozenset(spellings))
    check_spellings(table, to, table.match(to.host, to.path))


@pytest.mark.parametrize(
    ("target", "path", "spellings", "allowed", "passes"),
    [
        ("/a//b", "/a//b", {"//"}, set(), False),
        ("/a//b", "/a//b", {"//"}, ALL, True),
        ("//admin", "//admin", {"//"}, ALL, False),
        ("/a%2fb", "/a/b", {"%2f"}, set(), False),
        ("/a%2Fb", "/a/b", {"%2f"}, ALL, True),
        ("/a;b/c", "/a;b/c", {";"}, set(), True),
        ("/admin;x", "/admin;x", {";"}, set(), False),
        ("/admin;x", "/admin;x", {";"}, ALL, True),
    ],
)
def test_a_spelling_never_chooses_another_route(
    target: str, path: str, spellings: set[str], allowed: set[str], passes: bool
) -> None:
    root = told_route("/", access=Access.PUBLIC, allow_in_path=frozenset(allowed))
    with nullcontext() if passes else pytest.raises(RequestRejected):
        check(target, path, spellings, root, CLOSED)


def test_an_encoded_slash_never_leaves_what_a_wider_route_governs() -> None:
    root = told_route("/", access=Access.AUTHENTICATED)
    inner = told_route("/pub", access=Access.PUBLIC, allow_in_path=ALL)
    with pytest.raises(RequestRejected):
        check("/pub%2fx", "/pub/x", {"%2f"}, root, inner)
    with pytest.raises(RequestRejected):
        check("/pub%2Fx", "/pub/x", {"%2f"}, root, inner)

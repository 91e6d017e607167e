"""A route is listed with all that it asks, in one line and as JSON."""

from ipaddress import ip_network

from gateway.model.proof import Demand
from gateway.model.route import Access, Route, Rules
from gateway.model.upstream import Member, Upstream
from gateway.routing.listing import COLUMNS, described, row


def listed(route: Route) -> dict[str, str]:
    return dict(zip(COLUMNS, row(described(route)), strict=True))


def test_a_route_that_asks_nothing_says_so() -> None:
    route = Route(name="all", host=None, path="/", upstream=None, access=Access.PUBLIC)
    assert listed(route) == {
        "HOST": "*",
        "PATH": "/",
        "ACCESS": "public",
        "RULES": "-",
        "UPSTREAM": "off (forward-auth)",
    }
    assert described(route)["allow"] == described(route)["deny"] == described(route)["proof"] == {}


def test_every_rule_is_told_and_refusals_as_such() -> None:
    upstream = Upstream(
        name="wiki", members=(Member(host="a", port=1), Member(host="b", port=1)), audience="wiki"
    )
    route = Route(
        name="wiki",
        host="wiki.example.com",
        path="/x",
        upstream=upstream,
        methods=frozenset({"POST", "GET"}),
        own_origin=True,
        allow=Rules(roles=frozenset({"b", "a"}), claims=(("floor", frozenset({"3"})),)),
        deny=Rules(networks=(ip_network("192.0.2.0/24"),)),
        demand=Demand(max_age=900, acr_values=("mfa",)),
    )
    assert listed(route)["RULES"] == (
        "methods=GET,POST csrf=fetch-metadata roles=a,b claims.floor=3 deny.networks=192.0.2.0/24"
        " max_auth_age=900s acr_values=mfa"
    )
    assert listed(route)["UPSTREAM"] == "http://a:1 http://b:1"

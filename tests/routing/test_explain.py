"""What `gateway explain` tells is what the gateway does."""

from ipaddress import ip_network

import pytest

from gateway.errors import NoRoute
from gateway.model.identity import Identity
from gateway.model.proof import Demand, Proof
from gateway.model.route import Access, Rules
from gateway.routing.explain import Explanation, explain
from gateway.routing.policy import Outcome, admit
from gateway.routing.table import Table
from tests.fakes.routes import route

TABLE = Table(
    [
        route("/", access=Access.PUBLIC, methods=frozenset({"GET", "POST"})),
        route(
            "/wiki",
            allow=Rules(
                roles=frozenset({"editor", "admin"}),
                networks=(ip_network("10.0.0.0/8"),),
                claims=(("department", frozenset({"it"})),),
            ),
            deny=Rules(emails=frozenset({"Mallory@example.com"})),
        ),
        route("/wiki/open", access=Access.OPTIONAL),
    ]
)
ALICE = Identity(user_id="u1", email="alice@example.com", roles=("editor",))


def told(
    path: str, identity: Identity | None = ALICE, ip: str = "10.1.2.3", method: str = "GET"
) -> Explanation:
    return explain(TABLE, method=method, host="h", path=path, identity=identity, client_ip=ip)


def test_B76_rule_by_rule_with_what_each_wants_and_which_decides() -> None:
    rules = [(t.rule, t.wanted, t.result, t.decides) for t in told("/wiki/page").rules]
    assert rules == [
        ("deny.emails", ("mallory@example.com",), "miss", False),
        ("networks", ("10.0.0.0/8",), "hit", False),
        ("signed_in", (), "hit", False),
        ("roles", ("admin", "editor"), "hit", False),
        ("claims.department", ("it",), "miss", True),
    ]
    assert told("/wiki/page").verdict.outcome is Outcome.DENY


def test_B76_an_anonymous_caller_is_told_what_was_not_asked() -> None:
    results = {t.rule: t.result for t in told("/wiki", None).rules}
    assert results["signed_in"] == "miss"
    assert results["roles"] == results["deny.emails"] == "not asked"
    assert told("/wiki", None).verdict.outcome is Outcome.LOGIN


@pytest.mark.parametrize("path", ["/", "/wiki", "/wiki/open/x"])
@pytest.mark.parametrize("identity", [None, ALICE, Identity(user_id="u2", email="MALLORY@example.com")])
@pytest.mark.parametrize("ip", ["10.0.0.1", "192.0.2.1", ""])
@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_B76_the_verdict_equals_that_of_the_proxy(
    path: str, identity: Identity | None, ip: str, method: str
) -> None:
    explanation = told(path, identity, ip, method)
    governing = TABLE.match("h", path)
    assert explanation.route is governing
    assert explanation.verdict == admit(governing, identity, method=method, client_ip=ip)
    assert sum(t.decides for t in explanation.rules) <= 1


def test_P13_the_routes_that_were_beaten_are_told() -> None:
    assert [beaten.path for beaten in told("/wiki/open").beaten] == ["/wiki", "/"]
    assert told("/").beaten == ()


def test_P13_no_route_is_said_so() -> None:
    with pytest.raises(NoRoute):
        explain(Table([]), method="GET", host="h", path="/", identity=None, client_ip="")


def test_B76_B073_what_is_demanded_of_the_proof_is_told_in_its_order() -> None:
    demanding = Table([route("/", demand=Demand(max_age=900, acr_values=("mfa", "hardware")))])
    told_of = {"method": "GET", "host": "h", "path": "/", "client_ip": ""}
    known = explain(demanding, identity=ALICE, proof=Proof(age=10, acr="pwd"), **told_of)  # type: ignore[arg-type]
    assert [(t.rule, t.wanted, t.result, t.decides) for t in known.rules] == [
        ("signed_in", (), "hit", False),
        ("max_auth_age", ("900s",), "hit", False),
        ("acr_values", ("mfa", "hardware"), "miss", True),
    ]
    assert known.verdict.outcome is Outcome.STEP_UP
    stranger = explain(demanding, identity=None, **told_of)  # type: ignore[arg-type]
    assert [t.result for t in stranger.rules] == ["miss", "not asked", "not asked"]

"""Why a request passes or does not, told by the predicates that decide it."""

from collections.abc import Iterable
from dataclasses import dataclass

from gateway.model.identity import Identity
from gateway.model.proof import UNPROVEN, Proof
from gateway.model.route import Route, Rules
from gateway.routing.policy import PASSED, Finding, Verdict, weigh
from gateway.routing.table import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One rule of the route: what it asks for, and `hit`, `miss` or `not asked`.

    `decides` marks the one rule that settled the request.
    """

    rule: str
    wanted: tuple[str, ...]
    result: str
    decides: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """The route that governs, those it beat (most specific first), its rules, and the verdict."""

    route: Route
    beaten: tuple[Route, ...]
    rules: tuple[Told, ...]
    verdict: Verdict


def explain(
    table: Table,
    *,
    method: str,
    host: str,
    path: str,
    identity: Identity | None,
    client_ip: str,
    proof: Proof = UNPROVEN,
) -> Explanation:
    """Return what the gateway would decide about this request, and why; raise `NoRoute`."""
    route = table.match(host, path)
    findings = tuple(weigh(route, identity, method=method, client_ip=client_ip, proof=proof))
    decisive = next((finding for finding in findings if finding.verdict is not None), None)
    return Explanation(
        route=route,
        beaten=tuple(table.candidates(host, path))[1:],
        rules=tuple(_told(finding, route, decides=finding is decisive) for finding in findings),
        verdict=PASSED if decisive is None or decisive.verdict is None else decisive.verdict,
    )


def _told(finding: Finding, route: Route, *, decides: bool) -> Told:
    result = "not asked" if finding.hit is None else "hit" if finding.hit else "miss"
    return Told(rule=finding.rule, wanted=wanted(finding.rule, route), result=result, decides=decides)


def wanted(rule: str, route: Route) -> tuple[str, ...]:
    """Return the values that *rule* of *route* names, sorted unless their order says something."""
    if rule == "methods":
        return _sorted(route.methods or ())
    if rule in ("public", "signed_in"):
        return ()
    if route.demand is not None and rule == "max_auth_age":
        return (f"{route.demand.max_age}s",)
    if route.demand is not None and rule == "acr_values":
        return route.demand.acr_values
    rules: Rules = route.deny if rule.startswith("deny.") else route.allow
    key = rule.removeprefix("deny.")
    if key.startswith("claims."):
        return _sorted(dict(rules.claims)[key.removeprefix("claims.")])
    return _sorted(getattr(rules, key))


def _sorted(values: Iterable[object]) -> tuple[str, ...]:
    return tuple(sorted(map(str, values)))

"""Routes as they are listed: by `gateway routes` and in the console, in the same words."""

from typing import Any

from gateway.model.route import Route, Rules
from gateway.model.upstream import Upstream

COLUMNS = ("HOST", "PATH", "ACCESS", "RULES", "UPSTREAM")
_KEYS = ("users", "emails", "email_domains", "groups", "roles", "networks")


def described(route: Route) -> dict[str, Any]:
    """Return *route* as `--json` prints it; rules that ask nothing are left out."""
    return {
        "name": route.name,
        "host": route.host,
        "path": route.path,
        "access": str(route.access),
        "methods": None if route.methods is None else sorted(route.methods),
        "csrf": "fetch-metadata" if route.own_origin else "off",
        "allow": _rules(route.allow),
        "deny": _rules(route.deny),
        "proof": _proof(route),
        "upstream": _upstream(route),
    }


def _proof(route: Route) -> dict[str, Any]:
    """Return how recent and how strong a proof of who they are the route asks of its callers."""
    if route.demand is None:
        return {}
    asked = {"max_auth_age": route.demand.max_age, "acr_values": list(route.demand.acr_values)}
    return {key: value for key, value in asked.items() if value}


def _rules(rules: Rules) -> dict[str, Any]:
    found: dict[str, Any] = {
        key: sorted(map(str, values)) for key in _KEYS if (values := getattr(rules, key))
    }
    if rules.claims:
        found["claims"] = {name: sorted(values) for name, values in rules.claims}
    return found


def _upstream(route: Route) -> dict[str, str | None]:
    """Return where *route* leads; without a name and URL, a proxy in front sends its requests."""
    upstream = route.upstream
    if upstream is None:
        return {"name": None, "audience": route.audience or None, "url": None}
    return {"name": upstream.name, "audience": route.audience or upstream.audience, "url": _url(upstream)}


def _url(upstream: Upstream) -> str:
    return " ".join(member.url for member in upstream.members)


def row(route: dict[str, Any]) -> tuple[str, ...]:
    """Return what was `described` as one line of a table of `COLUMNS`."""
    told = [f"methods={','.join(route['methods'])}"] if route["methods"] else []
    told += ["csrf=fetch-metadata"] if route["csrf"] != "off" else []
    told += _told(route["allow"], "") + _told(route["deny"], "deny.") + _told_proof(route["proof"])
    return (
        route["host"] or "*",
        route["path"],
        route["access"],
        " ".join(told) or "-",
        route["upstream"]["url"] or "off (forward-auth)",
    )


def _told(rules: dict[str, Any], prefix: str) -> list[str]:
    claims = {f"claims.{name}": values for name, values in rules.get("claims", {}).items()}
    flat = {key: values for key, values in rules.items() if key != "claims"} | claims
    return [f"{prefix}{key}={','.join(values)}" for key, values in flat.items()]


def _told_proof(proof: dict[str, Any]) -> list[str]:
    told = {"acr_values": ",".join(proof.get("acr_values", ()))}
    if "max_auth_age" in proof:
        told = {"max_auth_age": f"{proof['max_auth_age']}s", **told}
    return [f"{key}={value}" for key, value in told.items() if value]

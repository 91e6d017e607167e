"""`gateway routes`: which rule governs what, the most specific first."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gateway.cli.configuration import config_option, consult_or_exit

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gateway.model.route import Route, Rules
    from gateway.model.upstream import Upstream

_COLUMNS = ("HOST", "PATH", "ACCESS", "RULES", "UPSTREAM")
_KEYS = ("users", "emails", "email_domains", "groups", "roles", "networks")


@click.command("routes", epilog="Example: gateway routes --config gateway.toml")
@config_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(config: Path, *, as_json: bool) -> None:
    """List the routes in the order in which they are tried: the first that covers a request governs it."""
    from gateway.assembly import build_routes
    from gateway.routing.table import Table

    listed = [described(route) for route in Table(build_routes(consult_or_exit(config))).ordered]
    if as_json:
        click.echo(json.dumps(listed, indent=2))
        return
    rows = [_COLUMNS, *(_row(route) for route in listed)]
    for line in _aligned(rows):
        click.echo(line)


def described(route: "Route") -> dict[str, Any]:
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


def _proof(route: "Route") -> dict[str, Any]:
    """Return how recent and how strong a proof of who they are the route asks of its callers."""
    if route.demand is None:
        return {}
    asked = {"max_auth_age": route.demand.max_age, "acr_values": list(route.demand.acr_values)}
    return {key: value for key, value in asked.items() if value}


def _rules(rules: "Rules") -> dict[str, Any]:
    found: dict[str, Any] = {
        key: sorted(map(str, values)) for key in _KEYS if (values := getattr(rules, key))
    }
    if rules.claims:
        found["claims"] = {name: sorted(values) for name, values in rules.claims}
    return found


def _upstream(route: "Route") -> dict[str, str | None]:
    """Return where *route* leads; without a name and URL, a proxy in front sends its requests."""
    upstream = route.upstream
    if upstream is None:
        return {"name": None, "audience": route.audience or None, "url": None}
    return {"name": upstream.name, "audience": route.audience or upstream.audience, "url": _url(upstream)}


def _url(upstream: "Upstream") -> str:
    return " ".join(member.url for member in upstream.members)


def _row(route: dict[str, Any]) -> tuple[str, ...]:
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


def _aligned(rows: "Sequence[Sequence[str]]") -> "Iterable[str]":
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()

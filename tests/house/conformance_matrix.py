"""`docs/conformance.md`: every module of the published test plans with our test of it, and what came of it.

    python -m tests.house.conformance_matrix > docs/conformance.md

The test of a module is the function of its name (`oidcc-client-test-invalid-iss` ->
`test_oidcc_client_test_invalid_iss`) in the file of its plan, or of the plan that it shares it with.
"""

import ast
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SUITE = Path(__file__).parents[1] / "conformance"
_HEAD = """\
# Conformance

Written by `make docs` from the names of the tests; do not edit. The OpenID Foundation certifies relying
parties by test plans that it publishes. This page lists the modules of the plans that are about a gateway
like this one, by their published names. For each there is a test of our own that does to the whole gateway,
over sockets, what the module does, and expects what the module expects: it runs with every `make test`, so
what is said to pass here passes. It is no certificate, and no run of the Foundation's own suite.

{passed} of {all} modules pass; {declined} ask for what is refused here on purpose, which a test holds where
there is anything to hold{later}.
"""
_BORROWED = ("basic", "config")


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """A published module in one plan: our test of it, where there is one, and why it does not pass, if so."""

    name: str
    what: str
    test: str
    declined: str
    later: str

    @property
    def result(self) -> str:
        if self.declined:
            return f"declined: {self.declined}"
        return "passes" if self.test else f"not yet: {self.later}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    key: str
    title: str
    name: str
    variant: str
    modules: tuple[Module, ...]


def plans() -> tuple[Plan, ...]:
    """Return every plan, in the order in which they are listed."""
    listed = tomllib.loads((SUITE / "plans.toml").read_text(encoding="utf-8"))
    tests = {key: written_in(key) for key in listed}
    return tuple(_plan(key, listed, tests) for key in listed)


def written_in(key: str) -> tuple[str, ...]:
    """Return the tests in the file of a plan, none where there is no such file."""
    path = SUITE / f"test_{key}.py"
    if not path.exists():
        return ()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return tuple(each.name for each in functions if each.name.startswith("test"))


def function_of(module: str) -> str:
    return "test_" + module.replace("-", "_")


def _plan(key: str, listed: dict[str, Any], tests: dict[str, tuple[str, ...]]) -> Plan:
    table = listed[key]
    base = listed[table["same_as"]] if "same_as" in table else table
    declined, later = base.get("declined", {}), table.get("later", {})
    all_later = table.get("all_later", "")
    modules = tuple(
        Module(
            name=name,
            what=what,
            test="" if all_later else _test_of(name, key, table.get("same_as", ""), tests),
            declined=declined.get(name, ""),
            later=all_later or later.get(name, ""),
        )
        for name, what in base["modules"].items()
    )
    return Plan(
        key=key, title=table["title"], name=table["plan"], variant=table.get("variant", ""), modules=modules
    )


def _test_of(module: str, key: str, same_as: str, tests: dict[str, tuple[str, ...]]) -> str:
    for place in (key, same_as, *_BORROWED):
        if function_of(module) in tests.get(place, ()):
            return f"test_{place}.py::{function_of(module)}"
    return ""


def document() -> str:
    """Return docs/conformance.md."""
    listed = plans()
    modules = [module for plan in listed for module in plan.modules]
    later = len([module for module in modules if module.result.startswith("not yet")])
    head = _HEAD.format(
        passed=len([module for module in modules if module.result == "passes"]),
        all=len(modules),
        declined=len([module for module in modules if module.declined]),
        later=f"; {later} are not there yet" if later else "",
    )
    return "\n".join([head, *("\n".join(_section(plan)) for plan in listed)])


def _section(plan: Plan) -> Iterator[str]:
    variant = f" with `{plan.variant}`" if plan.variant else ""
    yield from (f"## {plan.title}", "", f"`{plan.name}`{variant}", "")
    yield from ("| module | asks that | result | test |", "|---|---|---|---|")
    for module in plan.modules:
        test = f"`{module.test}`" if module.test else ""
        yield f"| `{module.name}` | {module.what} | {module.result} | {test} |"
    yield ""


if __name__ == "__main__":
    sys.stdout.write(document())

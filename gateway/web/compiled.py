"""The templates of this release, each compiled once in a process: another configuration compiles nothing."""

from collections.abc import MutableMapping
from functools import cache
from types import CodeType
from typing import Any

from jinja2 import BaseLoader, Environment, PackageLoader, StrictUndefined, Template


def environment(*, prefix: str) -> Environment:
    """Return the templates as they render where our paths are under *prefix*."""
    made = _environment(_Compiled())
    made.globals["prefix"] = prefix
    return made


class _Compiled(BaseLoader):
    """Loads what is compiled; the globals of each environment are its own."""

    def load(
        self,
        environment: Environment,
        name: str,
        globals: MutableMapping[str, Any] | None = None,  # noqa: A002 - the name that Jinja gives it
    ) -> Template:
        return Template.from_code(environment, _code(name), globals if globals is not None else {})


@cache
def _code(name: str) -> CodeType:
    """Return a template's code, which holds nothing of any configuration."""
    shipped = PackageLoader("gateway.web")
    source, path, _ = shipped.get_source(compiling := _environment(shipped), name)
    return compiling.compile(source, name, path)


def _environment(loader: BaseLoader) -> Environment:
    return Environment(
        loader=loader,
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )

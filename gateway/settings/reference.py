"""`config/reference.toml` and `config/schema.json`, written from the schema so that they cannot drift."""

import json
from collections.abc import Iterator
from textwrap import wrap

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from gateway.settings.notation import quoted, toml
from gateway.settings.schema import Settings
from gateway.settings.shape import Model, is_list, is_map, is_needed, is_table, is_usual_secret, model_in

_HEAD = """\
# Every key of gateway.toml with its default and what it does.
# Written from the schema by `gateway schema --reference`; change the schema, not this file.
#
# Durations: "250ms", "10m", "1h30m", "30d", or whole seconds. Sizes: "64KiB", "1GiB", or bytes.
# Secrets: { env = "NAME" }, { file = "path" }, { credential = "name" } (systemd). Relative paths
# start at the directory of this file.
# Above this file stand the environment (GATEWAY_SESSION__MAX_AGE sets session.max_age) and flags.
"""
_WIDTH = 108
_EXAMPLE_NAME = "wiki"


def reference_toml() -> str:
    """Return a file that loads and says what is the default anyway; a required key holds an example."""
    return _HEAD + "\n".join(["", *_table(Settings, ""), ""])


def schema_json() -> str:
    """Return the JSON Schema (2020-12) of the file, for editors."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **Settings.model_json_schema()}
    schema["title"] = "gateway.toml"
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _table(model: Model, name: str) -> Iterator[str]:
    """Yield a table's own keys first, as TOML wants it, and then the tables inside it."""
    inner = []
    for key, field in model.model_fields.items():
        if _stands_alone(field):
            inner.append((f"{name}.{key}" if name else key, field))
        else:
            yield from _key(key, field)
    for path, field in inner:
        yield from _inner(path, field)


def _inner(path: str, field: FieldInfo) -> Iterator[str]:
    yield ""
    yield from _comment(field)
    model = model_in(field.annotation)
    if model is None:
        yield f"[{path}]"
        yield from (f"{quoted(str(key))} = {toml(value)}" for key, value in field.default.items())
    elif is_list(field):
        yield f"[[{path}]]"
        yield from _table(model, path)
    else:
        path = f"{path}.{_EXAMPLE_NAME}" if is_map(field) else path
        yield f"[{path}]"
        yield from _table(model, path)


def _stands_alone(field: FieldInfo) -> bool:
    """Say whether *field* is a table of its own, not a value or an example on one line."""
    if field.examples:
        return False
    return (
        model_in(field.annotation) is not None or (is_map(field) and bool(field.default)) or is_table(field)
    )


def _key(key: str, field: FieldInfo) -> Iterator[str]:
    yield from _comment(field)
    if field.examples and (is_needed(field) or is_usual_secret(field)):
        yield f"{key} = {toml(field.examples[0])}" + ("  # required" if is_needed(field) else "")
    elif field.examples:
        yield f"# {key} = {toml(field.examples[0])}"
    elif field.default is not None and field.default is not PydanticUndefined:
        yield f"{key} = {toml(field.default)}"


def _comment(field: FieldInfo) -> list[str]:
    return [f"# {line}" for line in wrap(field.description or "", _WIDTH)]

"""What every table of the configuration file has in common."""

from typing import Any

from pydantic import BaseModel, ConfigDict


class Table(BaseModel):
    """A TOML table: unknown keys refused, frozen, defaults checked like values, input never echoed.

    Defaults are written as an operator would write them, so that what we document is what we do.
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        validate_default=True,
        hide_input_in_errors=True,
    )

    def idle_keys(self) -> frozenset[str]:
        """Return the keys that mean nothing beside what the others say."""
        return frozenset()


def written(value: Any) -> Any:
    """Return a default as it would be written in the file; the schema reads it like any value."""
    return value

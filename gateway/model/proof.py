"""How a caller proved who they are, and what a route may ask of that (RFC 9470, OpenID Connect Core 2)."""

from collections.abc import Mapping
from dataclasses import dataclass

LEEWAY = 30
"""Seconds that a proof may be older than asked: an issuer's clock is not ours (rule O19)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """How long ago, in seconds, somebody proved who they are, and how strongly.

    Each is None where the provider did not say: that meets no demand.
    """

    age: float | None = None
    acr: str | None = None


UNPROVEN = Proof()


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """The least proof that will do: at most `max_age` seconds old, and of one of `acr_values`.

    None, or no values, ask nothing. `acr_values` come in the order of preference.
    """

    max_age: int | None = None
    acr_values: tuple[str, ...] = ()

    def weighed(self, proof: Proof) -> tuple[tuple[str, bool], ...]:
        """Return what is asked, by the name of its key, each with whether *proof* meets it."""
        asked = []
        if self.max_age is not None:
            asked.append(("max_auth_age", proof.age is not None and proof.age <= self.max_age + LEEWAY))
        if self.acr_values:
            asked.append(("acr_values", proof.acr in self.acr_values))
        return tuple(asked)

    def shortfall(self, proof: Proof) -> str:
        """Return the first key that *proof* falls short of, empty where it meets them all."""
        return next((name for name, holds in self.weighed(proof) if not holds), "")


def aged(moment: float | None, *, now: float) -> float | None:
    """Return how long ago *moment* was, None where it is not known."""
    return None if moment is None else now - moment


Demands = Mapping[str, Demand]
"""What each route that asks for proof demands, by the route's name."""

"""What is known of providers by name, laid under what the operator wrote.

Law: a preset only fills keys that are not written. It switches no check off; it may add some.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

PARAMETERS = (
    "tenant",
    "domain",
    "realm",
    "base_url",
    "application",
    "user_pool",
    "hosted_domain",
    "organizations",
    "tenants",
    "team",
    "workspace",
)
"""The keys of a provider that mean something to presets alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """What is known of one provider.

    `issuer` is a template of the parameters in `needs`, for which `usual` has values; `takes` are
    parameters that may be left out. `keys` are written as an operator would write them, and
    `signed` pairs a claim that the ID token must have with the parameter that it must equal;
    `refuses` says why a key may not be switched on. `at_base` are templates in place of `keys` where
    `base_url` names a server of the operator's own; `steps` are what a login there needs besides.
    `demands` pairs keys that must be written, or filled, with the reason. `assertion_path`, below the
    issuer, is what our assertions are addressed to where the issuer does not take its own name;
    `logout_hint` says whether it takes an ID token where people sign out, `revokes` whether revoking a
    token there ends no more than a sign-in.
    """

    name: str
    issuer: str
    needs: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()
    usual: Mapping[str, str] = field(default_factory=dict)
    keys: Mapping[str, object] = field(default_factory=dict)
    hints: Mapping[str, str] = field(default_factory=dict)
    signed: Mapping[str, str] = field(default_factory=dict)
    refuses: Mapping[str, str] = field(default_factory=dict)
    at_base: Mapping[str, str] = field(default_factory=dict)
    steps: Literal["", "entra", "github", "bitbucket", "twitch", "apple", "zitadel"] = ""
    demands: Mapping[str, str] = field(default_factory=dict)
    assertion_path: str = ""
    logout_hint: bool = True
    revokes: bool = True

    def issuer_of(self, given: Mapping[str, object]) -> str | None:
        """Return the issuer that the parameters in *given* make, None where one is missing."""
        known = {**self.usual, **{name: given[name] for name in self.needs if name in given}}
        if any(not isinstance(known.get(name), str) for name in self.needs):
            return None
        parts = {name: str(known[name]).rstrip("/") for name in self.needs}
        if "user_pool" in parts:
            parts["region"] = parts["user_pool"].partition("_")[0]
        return self.issuer.format_map(parts)

    def fills(self, given: Mapping[str, object]) -> dict[str, object]:
        """Return the keys that *given*, a provider as it is written, leaves to the preset."""
        params = {claim: given[name] for claim, name in self.hints.items() if name in given}
        filled = {"name": self.name, **self.keys, "issuer": self.issuer_of(given)}
        base = given.get("base_url")
        if isinstance(base, str):
            filled |= {key: each.format(base_url=base.rstrip("/")) for key, each in self.at_base.items()}
        if params:
            filled["authorization_params"] = params
        return {key: value for key, value in filled.items() if key not in given and value is not None}

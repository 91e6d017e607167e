"""Issuers, joined: our registrations as configured, and the keys of ours that they are told."""

from collections.abc import Mapping
from dataclasses import replace

from gateway.assembly.providers import claims_named, groups_named, registration, resources_wanted
from gateway.errors import Fault, SettingsInvalid
from gateway.relying_party.client_keys import public_set
from gateway.relying_party.registration import Registration
from gateway.settings.schema import Settings


def registrations(settings: Settings) -> list[Registration]:
    """Return our registration at each issuer. Raises SettingsInvalid with the faults of all."""
    made: list[Registration] = []
    faults: list[Fault] = []
    wanted = {
        "resources": resources_wanted(settings),
        "groups": groups_named(settings),
        "claims": claims_named(settings),
    }
    for index, each in enumerate(settings.providers):
        if each.type == "password":
            continue
        try:
            made.append(registration(each, grants=settings.roles, **wanted))
        except SettingsInvalid as error:
            faults.extend(_at(index, each.id, fault) for fault in error.faults)
    if faults:
        raise SettingsInvalid(faults)
    return made


def _at(index: int, provider: str, fault: Fault) -> Fault:
    """Return *fault* of a provider, told by the index that it has in the configuration."""
    return replace(fault, key=fault.key.replace(f"providers.{provider}.", f"providers[{index}].", 1))


def client_key_sets(made: list[Registration]) -> Mapping[str, dict[str, object]]:
    """Return the JWK set for the issuer of each provider, by its id, where we have keys there."""
    return {each.id: public_set(each.keys) for each in made if each.keys}

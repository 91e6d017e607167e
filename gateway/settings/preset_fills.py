"""Presets laid under providers as they are written."""

from collections.abc import Iterator, Mapping, Sequence

from gateway.settings.notation import KeyPath
from gateway.settings.overrides import Override
from gateway.settings.presets import Preset
from gateway.settings.refusal import Finding


def filled(raw: dict[str, object], presets: Mapping[str, Preset]) -> tuple[dict[str, object], list[Override]]:
    """Return *raw* with every preset laid under it, and what that set, by the name of the preset."""
    providers = raw.get("providers")
    if not isinstance(providers, list):
        return raw, []
    made: list[object] = []
    fills: list[Override] = []
    for index, provider in enumerate(providers):
        added = list(_added(("providers", index), provider, presets))
        made.append({**provider, **{str(each.path[-1]): each.value for each in added}} if added else provider)
        fills += added
    return {**raw, "providers": made}, fills


def told_once(found: Sequence[Finding], fills: Sequence[Override]) -> list[Finding]:
    """Return *found* without what is wrong only because a parameter is that is told already."""
    made = {each.path for each in fills}
    broken = {each.path[:2] for each in found if each.path not in made}
    return [each for each in found if each.path not in made or each.path[:2] not in broken]


def _added(path: KeyPath, provider: object, presets: Mapping[str, Preset]) -> Iterator[Override]:
    name = provider.get("preset") if isinstance(provider, dict) else None
    if not isinstance(provider, dict) or not isinstance(name, str) or name not in presets:
        return
    for key, value in presets[name].fills(provider).items():
        yield Override(path=(*path, key), value=value, origin=f"preset {name}")

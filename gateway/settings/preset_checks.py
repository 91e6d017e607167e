"""Contradictions between a provider's preset and the keys beside it."""

from collections.abc import Iterator

from gateway.settings.known_presets import PRESETS
from gateway.settings.presets import PARAMETERS, Preset
from gateway.settings.providers import ProviderSettings
from gateway.settings.refusal import Finding

Path = tuple[str, int]


def preset_faults(path: Path, provider: ProviderSettings) -> Iterator[Finding]:
    """Yield the parameters that a preset lacks, does not know or cannot obey, and what it refuses."""
    preset = None if provider.preset is None else PRESETS[provider.preset]
    given = given_parameters(provider)
    for name in sorted(given.keys() - _known(preset)):
        yield Finding(
            path=(*path, name),
            message=f"means nothing {_beside(provider)}",
            suggestion="leave it out",
            because=((*path, "preset"),),
        )
    if preset is None:
        return
    yield from _issuer(path, provider, preset)
    for name, why in preset.refuses.items():
        if getattr(provider, name):
            yield Finding(
                path=(*path, name),
                message=f"cannot stand {_beside(provider)}: {why}",
                suggestion="leave it out",
                because=((*path, "preset"),),
            )


def _issuer(path: Path, provider: ProviderSettings, preset: Preset) -> Iterator[Finding]:
    """Yield what is missing for the issuer, or what an issuer of the operator's own makes idle."""
    given = given_parameters(provider)
    made = preset.issuer_of(given)
    signed = set(preset.signed.values())
    for name in (each for each in preset.needs if each not in given and each not in preset.usual):
        if provider.issuer is None or name in signed:  # of whichever issuer, its tokens must name it
            yield Finding(
                path=(*path, name), message=f"is needed {_beside(provider)}", because=((*path, "preset"),)
            )
    if provider.issuer is not None and provider.issuer != made:
        for name in (each for each in preset.needs if each in given and each not in signed):
            yield Finding(
                path=(*path, name),
                message="means nothing beside an issuer that is written",
                suggestion="leave one of the two out",
                because=((*path, "issuer"), *((*path, each) for each in preset.needs if each != name)),
            )


def given_parameters(provider: ProviderSettings) -> dict[str, object]:
    """Return the parameters of presets that *provider* has."""
    values = {name: getattr(provider, name) for name in PARAMETERS}
    return {name: value for name, value in values.items() if value is not None}


def signed_claims(provider: ProviderSettings) -> tuple[tuple[str, str], ...]:
    """Return the claims that this provider's ID tokens must have, each with its value."""
    if provider.preset is None:
        return ()
    given = given_parameters(provider)
    signed = PRESETS[provider.preset].signed
    return tuple((claim, str(given[name])) for claim, name in signed.items() if name in given)


def assertion_audience(provider: ProviderSettings) -> str:
    """Return what our assertions are addressed to where that is not the issuer's own name, else nothing.

    It is below the issuer that is configured, so that no other issuer could use one.
    """
    path = PRESETS[provider.preset].assertion_path if provider.preset else ""
    return f"{(provider.issuer or '').rstrip('/')}/{path}" if path else ""


def _known(preset: Preset | None) -> frozenset[str]:
    return frozenset() if preset is None else frozenset((*preset.needs, *preset.takes))


def _beside(provider: ProviderSettings) -> str:
    return "without a preset" if provider.preset is None else f'with preset = "{provider.preset}"'

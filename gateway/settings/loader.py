"""File, environment and flags become `Settings`, or every fault at once.

Precedence: flags, then the environment, then the file, then a provider's preset, then the default.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import MappingProxyType

from pydantic import ValidationError

from gateway.errors import Fault, SettingsInvalid
from gateway.settings.cautions import cautions
from gateway.settings.checks import contradictions
from gateway.settings.document import Document, read
from gateway.settings.effective import secrets
from gateway.settings.known_presets import PRESETS
from gateway.settings.notation import KeyPath, render
from gateway.settings.overrides import Override, from_environment, from_flags
from gateway.settings.preset_fills import filled, told_once
from gateway.settings.references import Mark, Source, Surroundings, sources
from gateway.settings.refusal import Finding, related
from gateway.settings.schema import Settings
from gateway.settings.told import Told
from gateway.settings.translate import as_written, findings, mended

_NONE: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A sound configuration. `origins`, `written` and `secrets` are keyed by key path.

    An origin is `default`, `file:line`, `environment NAME`, `flag` or `preset NAME`. `written` holds each
    value as it was written, secrets masked; `secrets` where each secret comes from, `literal` for one that
    stands in the file itself. `files` are those that it refers to, as they were when they were read;
    `again` reads them, and the environment, once more for the same text, and raises as `load` does.
    """

    settings: Settings
    told: Told = field(repr=False, compare=False)
    warnings: tuple[str, ...]
    secrets: Mapping[str, str]
    files: Mapping[Path, Mark | None]
    again: "Callable[[], Loaded]" = field(repr=False, compare=False)

    @property
    def origins(self) -> Mapping[str, str]:
        return self.told.origins

    @property
    def written(self) -> Mapping[str, object]:
        return self.told.written

    def fault(self, key: str, message: str, suggestion: str) -> Fault:
        """Return a fault of *key* at the place where it was set, a table's is that of the first."""
        origin = self.origins.get(key) or self._first_within(key)
        file, _, line = origin.rpartition(":")
        if file and line.isdigit():
            return Fault(message=message, key=key, file=file, line=int(line), suggestion=suggestion)
        place = "" if origin == "default" else origin
        return Fault(message=message, key=key, file=place, suggestion=suggestion)

    def _first_within(self, table: str) -> str:
        keys = (key for key in self.origins if key.startswith((f"{table}.", f"{table}[")))
        return next((self.origins[key] for key in keys if self.origins[key] != "default"), "")

    def placed(self, faults: Iterable[Fault]) -> tuple[Fault, ...]:
        """Return *faults* that rooms found, which do not know the file, where their keys were set."""
        return tuple(
            each if each.file else self.fault(each.key, each.message, each.suggestion) for each in faults
        )


def load(path: Path | None, *, environ: Mapping[str, str], flags: Mapping[str, str] = _NONE) -> Loaded:
    """Return the configuration at *path* under *environ* and *flags*.

    Raises SettingsInvalid with every fault; SettingsUnreadable, a kind of it, where there is no
    TOML to look at.
    """
    return _load(read(path), environ, flags)


def consult(path: Path | None, *, environ: Mapping[str, str]) -> Settings:
    """Return the configuration for whoever works beside the gateway and has no use for its secrets.

    Those that cannot be had here are no fault, and no key can be made of `secret`, which is empty. Raises
    as `load` does.
    """
    layers = _layered(read(path), environ, _NONE)
    settings, found = _validated(layers.raw, layers.around)
    absent = [each for each in found if each.absent]
    wrong = [each for each in found if not each.absent]
    if absent and not wrong:
        settings, wrong = _validated(mended(layers.raw, absent), layers.around)
        wrong = [each for each in wrong if not _rests_on(each, absent, layers.raw)]
    return layers.sound(settings, wrong).model_copy(update={"secret": ()})


def _load(document: Document, environ: Mapping[str, str], flags: Mapping[str, str]) -> Loaded:
    layers = _layered(document, environ, flags)
    settings = layers.sound(*_validated(layers.raw, layers.around))
    above = {override.path: override.origin for override in layers.overrides}
    known = _secrets(settings, layers.raw, above)
    return Loaded(
        settings=settings,
        told=Told(settings, layers.raw, document=document, above=above),
        warnings=tuple(cautions(settings, known)),
        secrets=MappingProxyType(known),
        files=layers.around.files,
        again=partial(_load, document, environ, flags),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layers:
    """What file, environment, flags and presets say together: *raw*. *astray* are those that name no key."""

    document: Document
    around: Surroundings
    raw: dict[str, object] = field(repr=False)
    overrides: Sequence[Override] = field(repr=False)
    fills: Sequence[Override]
    astray: Sequence[Finding]

    def sound(self, settings: Settings | None, found: Sequence[Finding]) -> Settings:
        """Return *settings*, or raise SettingsInvalid with all that was *found*."""
        faults = [*self.astray, *told_once(found, self.fills)]
        if settings is None or faults:
            raise _invalid(faults, self.document, self.overrides)
        return settings


def _layered(document: Document, environ: Mapping[str, str], flags: Mapping[str, str]) -> _Layers:
    outside = [*from_environment(environ), *from_flags(flags)]
    overrides = [each for each in outside if isinstance(each, Override)]
    raw, fills = filled(_merged(document.values, overrides), PRESETS)
    return _Layers(
        document=document,
        around=Surroundings(directory=document.directory, environ=environ),
        raw=raw,
        overrides=(*overrides, *fills),
        fills=fills,
        astray=[each for each in outside if isinstance(each, Finding)],
    )


def _secrets(settings: Settings, raw: Mapping[str, object], above: Mapping[KeyPath, str]) -> dict[str, str]:
    """Return where each secret comes from."""
    return {render(each.path): above.get(each.path, each.secret) for each in secrets(settings, raw)}


def ring(path: Path | None, *, environ: Mapping[str, str]) -> tuple[Source, ...]:
    """Return where each part of `secret` comes from, in a configuration that `load` found sound."""
    document = read(path)
    overrides = [each for each in from_environment(environ) if isinstance(each, Override)]
    around = Surroundings(directory=document.directory, environ=environ)
    return sources(_merged(document.values, overrides).get("secret"), around)


def _validated(raw: dict[str, object], around: Surroundings) -> tuple[Settings | None, list[Finding]]:
    """Return the settings, or what is wrong with single keys and with those that are sound together."""
    try:
        settings = Settings.model_validate(raw, context=around)
    except ValidationError as error:
        broken = list(findings(error, raw))
        return None, broken + _despite(broken, raw, around)
    return settings, list(contradictions(settings))


def _despite(broken: Sequence[Finding], raw: dict[str, object], around: Surroundings) -> list[Finding]:
    """Return the contradictions that do not rest on anything *broken*."""
    try:
        settings = Settings.model_validate(mended(raw, broken), context=around)
    except ValidationError:
        return []
    return [each for each in contradictions(settings) if not _rests_on(each, broken, raw)]


def _rests_on(finding: Finding, broken: Iterable[Finding], raw: Mapping[str, object]) -> bool:
    used = [as_written(path, raw) for path in (finding.path, *finding.because)]
    return any(related(path, other.path) for other in broken for path in used)


def _merged(values: Mapping[str, object], overrides: Iterable[Override]) -> dict[str, object]:
    merged = dict(values)
    for override in overrides:
        _put(merged, override.path, override.value)
    return merged


def _put(table: dict[str, object], path: KeyPath, value: object) -> None:
    """Set the key at *path*, copying the tables on the way; what is no table stays, and is a fault."""
    key, rest = str(path[0]), path[1:]
    if not rest:
        table[key] = value
        return
    inner = table.get(key, {})
    if isinstance(inner, dict):
        table[key] = inner = dict(inner)
        _put(inner, rest, value)


def _invalid(found: Iterable[Finding], document: Document, overrides: Iterable[Override]) -> SettingsInvalid:
    faults = [document.fault(_placed(each, overrides)) for each in found]
    return SettingsInvalid(sorted(set(faults), key=lambda fault: (fault.line == 0, fault.line, fault.key)))


def _placed(finding: Finding, overrides: Iterable[Override]) -> Finding:
    """Return *finding* told at the variable or flag that set its key, where one did."""
    for override in reversed(list(overrides)):
        if override.path == finding.path[: len(override.path)] and not finding.place:
            return Finding(
                path=finding.path,
                message=finding.message,
                suggestion=finding.suggestion,
                place=override.origin,
            )
    return finding

"""A new configuration for a gateway that runs: taken over whole, or the old one stays."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from gateway.errors import Fault, SettingsInvalid
from gateway.observe.log import Log
from gateway.settings.difference import changes, fixed_faults
from gateway.settings.files import mark_of
from gateway.settings.loader import Loaded
from gateway.settings.references import Mark
from gateway.settings.schema import Settings

_MOST_CHANGES = 100


class Reloadable(Protocol):
    """The gateway, as far as its configuration goes."""

    async def take_over(self, settings: Settings) -> None:
        """Serve *settings* from the next request on, or raise and have changed nothing."""

    def keep(self) -> None:
        """Note that a new configuration was not taken over."""


class Reload:
    """Reads the configuration again with *read*, in a thread, and compares it with what is in force."""

    def __init__(
        self, gateway: Reloadable, in_force: Loaded, *, read: Callable[[], Loaded], log: Log
    ) -> None:
        self._gateway = gateway
        self._in_force = in_force
        self._read = read
        self._log = log
        self._turn = asyncio.Lock()

    async def when(self, asked: asyncio.Event) -> None:
        """Reload each time *asked* is set, until cancelled; what is asked meanwhile is done once more."""
        while True:
            await asked.wait()
            asked.clear()
            await self.attempt()

    def files(self) -> Mapping[Path, Mark | None]:
        """Return the files that the configuration in force refers to, as they were when it was read."""
        return self._in_force.files

    async def attempt(self) -> bool:
        """Take over what the configuration says now, or keep the old one on any fault; say which."""
        async with self._turn:
            return await self._attempt(self._read)

    async def refresh(self) -> bool:
        """Take over what the files hold now that the configuration in force refers to; else as `attempt`.

        What was written into the configuration since waits for `attempt`.
        """
        async with self._turn:
            now = {path: mark_of(path) for path in self._in_force.files}
            changed = [str(path) for path, mark in self._in_force.files.items() if now[path] != mark]
            self._log.event("info", "configuration.files_changed", {"files": changed})
            return await self._attempt(self._in_force.again)

    async def _attempt(self, read: Callable[[], Loaded]) -> bool:
        try:
            loaded = await asyncio.to_thread(read)
            if faults := fixed_faults(self._in_force, loaded):
                raise SettingsInvalid(faults)
            await self._take_over(loaded)
        except SettingsInvalid as error:
            return self._kept(error.faults)
        except Exception as error:  # whatever is wrong with the new one, the old one serves
            self._log.event("error", "configuration.fault", {"fault": error})
            return self._kept(())
        await self._taken(loaded)
        return True

    async def _take_over(self, loaded: Loaded) -> None:
        """Hand *loaded* to the gateway. Raises what that raises, faults at the places of their keys."""
        try:
            await self._gateway.take_over(loaded.settings)
        except SettingsInvalid as error:
            raise SettingsInvalid(loaded.placed(error.faults)) from error

    def _kept(self, faults: Sequence[Fault]) -> bool:
        self._gateway.keep()
        for fault in faults:
            self._log.event("error", "configuration.fault", _facts(fault))
        self._log.event("error", "configuration.kept", {"faults": len(faults) or 1})
        return False

    async def _taken(self, loaded: Loaded) -> None:
        former, self._in_force = self._in_force, loaded
        self._log.retune(level=loaded.settings.log.level)
        for warning in loaded.warnings:
            self._log.event("warning", "configuration.warning", {"detail": warning})
        changed = await asyncio.to_thread(changes, former, loaded)
        for change in changed[:_MOST_CHANGES]:
            told = {"setting": change.key, "was": change.was, "now": change.now}
            self._log.event("info", "configuration.changed", told)
        self._log.event("info", "configuration.reloaded", {"changes": len(changed)})


def _facts(fault: Fault) -> dict[str, object]:
    facts = {
        "file": fault.file,
        "line": fault.line,
        "setting": fault.key,
        "detail": fault.message,
        "hint": fault.suggestion,
    }
    return {name: value for name, value in facts.items() if value}

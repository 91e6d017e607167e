"""Reloads of a gateway that runs in the test's process, as SIGHUP causes them.

reload = reloading(gate)                       # its configuration is in force
assert await reload(lambda text: text.replace("10m", "5m"))
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gateway.reload import Reload
from gateway.settings.loader import Loaded, load
from tests.fakes.gateway import RunningGateway
from tests.fakes.issuer import HostileIssuer


@dataclass(slots=True, kw_only=True)
class Reloading:
    """Rewrites the file of a gateway and reloads it."""

    gate: RunningGateway
    environ: Mapping[str, str] = field(default_factory=dict)
    reload: Reload = field(init=False)

    def __post_init__(self) -> None:
        log = self.gate.app._around.log
        self.reload = Reload(self.gate.app, self.read(), read=self.read, log=log)

    @property
    def config(self) -> Path:
        return self.gate.folder / f"gateway-{self.gate.port}.toml"

    def read(self) -> Loaded:
        return load(self.config, environ=self.environ)

    async def __call__(self, change: Callable[[str], str] = lambda text: text) -> bool:
        """Change the file and reload; say whether it was taken over."""
        self.config.write_text(change(self.config.read_text()))
        return await self.reload.attempt()

    @property
    def former(self) -> int:
        """How many configurations before the present one still serve a request."""
        succession = self.gate.app._succession
        return 0 if succession is None else succession.former


def reloading(gate: RunningGateway, issuer: HostileIssuer | None = None) -> Reloading:
    """Return the reloads of *gate*, whose file is what it was started with."""
    return Reloading(gate=gate, environ={"ISSUER_SECRET": issuer.client_secret} if issuer else {})

"""An issuer's memory: when its user last proved who they are, and how, told in its ID tokens.

memory = Memory(at.issuer)          # who signs in is remembered, and asked again as one asks for it
memory.deaf = {"max_age"}           # parameters that it overlooks
memory.silent = True                # it never tells auth_time
memory.acrs = {"mfa"}               # what its user can do, if asked; else `memory.usual`
memory.asked[-1]["prompt"]          # what it was asked
"""

from dataclasses import dataclass, field

from tests.fakes.issuer import ABSENT, HostileIssuer


@dataclass
class Memory:
    issuer: HostileIssuer
    deaf: set[str] = field(default_factory=set)
    silent: bool = False
    acrs: set[str] = field(default_factory=set)
    usual: str | None = None
    asked: list[dict[str, str]] = field(default_factory=list)
    proved_at: float | None = None

    def __post_init__(self) -> None:
        self.issuer.heard = self.hear

    def hear(self, asked: dict[str, str]) -> None:
        self.asked.append(asked)
        heard = {name: value for name, value in asked.items() if name not in self.deaf}
        now = self.issuer.clock()
        if self.proved_at is None or self._must_ask(heard, now - self.proved_at):
            self.proved_at = now
        acr = next((one for one in heard.get("acr_values", "").split() if one in self.acrs), self.usual)
        self.issuer.claims["auth_time"] = ABSENT if self.silent else int(self.proved_at)
        self.issuer.claims["acr"] = acr or ABSENT

    @staticmethod
    def _must_ask(heard: dict[str, str], age: float) -> bool:
        if "login" in heard.get("prompt", "").split():
            return True
        return "max_age" in heard and age > int(heard["max_age"])

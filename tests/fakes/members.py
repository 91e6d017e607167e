"""What an upstream's members are told of, and by which clock."""

from dataclasses import dataclass, field


@dataclass
class Heard:
    """Who came and went."""

    told: list[str] = field(default_factory=list)

    def gone(self, member: str, *, why: str) -> None:
        self.told.append(f"{member} gone: {why}")

    def back(self, member: str) -> None:
        self.told.append(f"{member} back")


class Monotonic:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

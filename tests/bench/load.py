"""Load from wrk: contenders take turns, so that a noisy minute is shared, and medians count."""

import asyncio
import re
import statistics
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.bench.programs import LOAD_CORE, processor_seconds

CONNECTIONS = 32

_IN_TURN = """
local sent, at = {{}}, 0
init = function()
  for line in io.lines("{lines}") do
    sent[#sent + 1] = wrk.format("GET", nil, {{ Host = "{host}", ["{field}"] = line }})
  end
end
request = function()
  at = at % #sent + 1
  return sent[at]
end
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One run of the load: requests a second, latency in milliseconds.

    *processor* is the microseconds that the contender spent on its core for a request.
    """

    rate: float
    p50: float
    p99: float
    processor: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """Who is measured; *script* tells wrk to send *cookies* in turn."""

    name: str
    url: str
    headers: tuple[str, ...] = ()
    script: Path | None = None
    cookies: Sequence[str] = ()
    pid: int = 0


@dataclass(frozen=True, slots=True)
class Rounds:
    """All rounds of all contenders."""

    of: Mapping[str, Sequence[Round]]

    def rate(self, name: str) -> float:
        return statistics.median(each.rate for each in self.of[name])

    def rates(self) -> dict[str, int]:
        return {name: round(self.rate(name)) for name in self.of}

    def ratio(self, name: str, other: str) -> float:
        """Return the median of what each round gave: neighbours in time had the same machine."""
        pairs = zip(self.of[name], self.of[other], strict=True)
        return round(statistics.median(mine.rate / theirs.rate for mine, theirs in pairs), 2)

    def processor(self) -> dict[str, float]:
        return {
            name: round(statistics.median(each.processor for each in rounds), 1)
            for name, rounds in self.of.items()
        }

    def raw(self) -> dict[str, list[dict[str, float]]]:
        return {name: [asdict(each) for each in rounds] for name, rounds in self.of.items()}


def in_turn(folder: Path, name: str, *, host: str, values: Sequence[str], field: str = "Cookie") -> Path:
    """Return a script that presents *values* of the header *field* one after the other."""
    lines, script = folder / f"{name}.values", folder / f"{name}.lua"
    lines.write_text("\n".join(values) + "\n")
    script.write_text(_IN_TURN.format(lines=lines, host=host, field=field))
    return script


async def rounds_of(contenders: Sequence[Contender], *, rounds: int, seconds: int) -> Rounds:
    """Warm everybody up, then let them run in turn."""
    for each in contenders:
        await asyncio.to_thread(load, each, seconds=1)
    measured: dict[str, list[Round]] = {each.name: [] for each in contenders}
    for _ in range(rounds):
        for each in contenders:
            measured[each.name].append(await asyncio.to_thread(load, each, seconds=seconds))
    return Rounds(measured)


def load(contender: Contender, *, seconds: int, connections: int = CONNECTIONS) -> Round:
    """Run wrk once and read what it prints."""
    command = ["taskset", "-c", LOAD_CORE, "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency"]
    for header in contender.headers:
        command += ["-H", header]
    if contender.script is not None:
        command += ["-s", str(contender.script)]
    before = processor_seconds(contender.pid) if contender.pid else 0.0
    printed = subprocess.run([*command, contender.url], capture_output=True, text=True, check=True).stdout
    spent = processor_seconds(contender.pid) - before if contender.pid else 0.0
    if "Non-2xx" in printed:
        raise SystemExit(f"{contender.name} answered with errors:\n{printed}")
    rate = re.search(r"Requests/sec:\s+([\d.]+)", printed)
    total = re.search(r"(\d+) requests in", printed)
    latency = {
        percent: _milliseconds(value) for percent, value in re.findall(r"(50|99)%\s+([\d.]+\w+)", printed)
    }
    if rate is None or total is None:
        raise SystemExit(printed)
    return Round(
        rate=float(rate[1]),
        p50=latency["50"],
        p99=latency["99"],
        processor=spent / max(1, int(total[1])) * 1e6,
    )


def _milliseconds(text: str) -> float:
    number = float(re.match(r"[\d.]+", text)[0])  # type: ignore[index]
    return number * {"us": 0.001, "ms": 1.0, "s": 1000.0}[text.lstrip("0123456789.")]

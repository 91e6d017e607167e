"""Load from wrk: contenders take turns, so that a noisy minute is shared, and medians count."""

import asyncio
import re
import statistics
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

from tests.bench.programs import LOAD_CORE, Failed, processor_seconds

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
    """One run of the load: requests a second and in all, latency in milliseconds.

    *processor* is the microseconds that the contender spent on its core for a request, *errors* how many
    connections were refused, broken off or kept waiting for more than two seconds.
    """

    rate: float
    p50: float
    p99: float
    processor: float
    requests: int
    errors: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """Who is measured; *script* tells wrk what else to send, such as *cookies* in turn.

    *pids* are its processes; what they spend, and their children, is what its requests cost. Where it has
    several *workers*, it is given as many connections for each as others have in all.
    """

    name: str
    url: str
    headers: tuple[str, ...] = ()
    script: Path | None = None
    cookies: Sequence[str] = ()
    pids: tuple[int, ...] = ()
    workers: int = 1


@dataclass(frozen=True, slots=True)
class Rounds:
    """All rounds of all contenders."""

    of: Mapping[str, Sequence[Round]]

    def medians(self, figure: str) -> dict[str, float]:
        """Return everybody's median of one figure of a round."""
        return {
            name: round(statistics.median(getattr(each, figure) for each in rounds), 3)
            for name, rounds in self.of.items()
        }

    def rates(self) -> dict[str, int]:
        return {name: round(rate) for name, rate in self.medians("rate").items()}

    def processor(self) -> dict[str, float]:
        return {name: round(spent, 1) for name, spent in self.medians("processor").items()}

    def ratio(self, name: str, other: str, *, figure: str = "rate") -> float:
        """Return the median of what each round gave: neighbours in time had the same machine."""
        pairs = self._pairs(name, other, figure)
        return round(statistics.median(mine / theirs for mine, theirs in pairs), 2)

    def ratios(self, name: str) -> dict[str, float]:
        """Return the throughput of *name* over that of each other."""
        return {f"{name} / {other}": self.ratio(name, other) for other in self.of if other != name}

    def added(self, name: str, other: str, *, figure: str) -> float:
        """Return the median of how much more each round gave."""
        pairs = self._pairs(name, other, figure)
        return round(statistics.median(mine - theirs for mine, theirs in pairs), 3)

    def _pairs(self, name: str, other: str, figure: str) -> list[tuple[float, float]]:
        pairs = zip(self.of[name], self.of[other], strict=True)
        return [(getattr(mine, figure), getattr(theirs, figure)) for mine, theirs in pairs]

    def raw(self) -> dict[str, list[dict[str, float]]]:
        return {name: [asdict(each) for each in rounds] for name, rounds in self.of.items()}


def in_turn(folder: Path, name: str, *, host: str, values: Sequence[str], field: str = "Cookie") -> Path:
    """Return a script that presents *values* of the header *field* one after the other."""
    lines, script = folder / f"{name}.values", folder / f"{name}.lua"
    lines.write_text("\n".join(values) + "\n")
    script.write_text(_IN_TURN.format(lines=lines, host=host, field=field))
    return script


async def rounds_of(
    contenders: Sequence[Contender], *, rounds: int, seconds: int, connections: int = CONNECTIONS
) -> Rounds:
    """Warm everybody up, then let them run in turn."""
    for each in contenders:
        await asyncio.to_thread(load, each, seconds=1, connections=connections)
    measured: dict[str, list[Round]] = {each.name: [] for each in contenders}
    for _ in range(rounds):
        for each in contenders:
            found = await asyncio.to_thread(load, each, seconds=seconds, connections=connections)
            measured[each.name].append(found)
    return Rounds(measured)


def answer(contender: Contender) -> tuple[int, str]:
    """Return the status and body that a request of the load gets; a redirect is not followed."""
    place = urlsplit(contender.url)
    connection = HTTPConnection(place.hostname or "", place.port, timeout=30)
    try:
        sent = dict(header.split(": ", 1) for header in contender.headers)
        connection.request("GET", place.path, headers=sent)
        found = connection.getresponse()
        return found.status, found.read().decode("latin-1")
    finally:
        connection.close()


def load(contender: Contender, *, seconds: int, connections: int = CONNECTIONS) -> Round:
    """Run wrk once and read what it prints."""
    opened = connections * contender.workers
    command = ["taskset", "-c", LOAD_CORE, "wrk", "-t1", f"-c{opened}", f"-d{seconds}s", "--latency"]
    for header in contender.headers:
        command += ["-H", header]
    if contender.script is not None:
        command += ["-s", str(contender.script)]
    before = processor_seconds(*contender.pids) if contender.pids else 0.0
    printed = subprocess.run([*command, contender.url], capture_output=True, text=True, check=False)
    spent = processor_seconds(*contender.pids) - before if contender.pids else 0.0
    if printed.returncode:
        raise Failed(f"wrk and {contender.name}: {printed.stderr}")
    try:
        return parsed(printed.stdout, spent=spent)
    except Failed as failed:
        raise Failed(f"{contender.name}: {failed}") from None


def parsed(printed: str, *, spent: float) -> Round:
    """Return what wrk *printed* of a run in which the contender *spent* so many seconds.

    Raises Failed where requests were answered with errors, or where nothing was measured.
    """
    if "Non-2xx" in printed:
        raise Failed(f"answers with errors:\n{printed}")
    rate = re.search(r"Requests/sec:\s+([\d.]+)", printed)
    total = re.search(r"(\d+) requests in", printed)
    errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", printed)
    latency = {
        percent: _milliseconds(value) for percent, value in re.findall(r"(50|99)%\s+([\d.]+\w+)", printed)
    }
    if rate is None or total is None or not int(total[1]):
        raise Failed(f"nothing was measured:\n{printed}")
    return Round(
        rate=float(rate[1]),
        p50=latency["50"],
        p99=latency["99"],
        processor=spent / int(total[1]) * 1e6,
        requests=int(total[1]),
        errors=sum(map(int, errors.groups())) if errors else 0,
    )


def _milliseconds(text: str) -> float:
    number = float(re.match(r"[\d.]+", text)[0])  # type: ignore[index]
    return number * {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}[text.lstrip("0123456789.")]

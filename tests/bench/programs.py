"""Programs under measurement: each on its core, waited for, and ended by its process id."""

import asyncio
import os
import shutil
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
OUT = ROOT / "var" / "bench.json"
PROXY_CORE, LOAD_CORE = "0", "1"


class Failed(Exception):
    """Something that is measured cannot be had, or does not do what it should: the text says what."""


def installed(*names: str) -> str:
    """Return the path of the first of *names* that is installed; raises Failed."""
    for name in names:
        if path := shutil.which(name) or shutil.which(name, path="/usr/sbin"):
            return path
    raise Failed(f"{names[0]} is not installed")


def interpreter() -> str:
    """Return the Python that runs the gateway, with the locked packages installed."""
    chosen = os.environ.get("BENCH_PYTHON", "/usr/bin/python3")
    if not Path(chosen).exists():
        return sys.executable
    home = ROOT / "var" / "bench-env"
    stamp = home / ".made"
    lock = ROOT / "requirements.lock"
    if not stamp.exists() or stamp.stat().st_mtime < lock.stat().st_mtime:
        subprocess.run([chosen, "-m", "venv", "--clear", str(home)], check=True)
        pip = [str(home / "bin" / "python"), "-m", "pip", "install", "--quiet", "--require-hashes"]
        subprocess.run([*pip, "-r", str(lock)], check=True)
        stamp.touch()
    return str(home / "bin" / "python")


async def start(
    core: str, *command: str, environ: Mapping[str, str] | None = None, log: Path
) -> asyncio.subprocess.Process:
    """Start *command* pinned to *core*, its output in *log*."""
    with log.open("wb") as output:
        return await asyncio.create_subprocess_exec(
            "taskset",
            "-c",
            core,
            *command,
            stdout=output,
            stderr=output,
            env={**os.environ, **(environ or {})},
        )


async def stop(process: asyncio.subprocess.Process) -> None:
    """Ask *process* to end, and wait for that."""
    if process.returncode is None:
        process.terminate()
    await process.wait()


@asynccontextmanager
async def running(
    core: str, *command: str, port: int, log: Path, environ: Mapping[str, str] | None = None
) -> AsyncIterator[int]:
    """Run *command* until it listens on *port*; gives its process id, stops it by that id."""
    process = await start(core, *command, environ=environ, log=log)
    try:
        await _listening(port, process, log)
        yield process.pid
    finally:
        await stop(process)


async def _listening(port: int, process: asyncio.subprocess.Process, log: Path) -> None:
    for _ in range(2400):
        if process.returncode is not None:
            raise Failed(f"a contender ended: {log.read_text()}")
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.025)
            continue
        writer.close()
        return
    raise Failed(f"nobody listens on {port}: {log.read_text()}")


async def ready(port: int, process: asyncio.subprocess.Process, log: Path) -> float:
    """Return, when the gateway says on its admin port that it is ready, the seconds since the call."""
    began = time.monotonic()
    for _ in range(12_000):
        if process.returncode is not None:
            break
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET /readyz HTTP/1.0\r\nHost: localhost\r\n\r\n")
            line = await reader.readline()
            writer.close()
            if b" 200 " in line:
                return time.monotonic() - began
        except OSError:
            pass
        await asyncio.sleep(0.005)
    raise Failed(f"the gateway is not ready: {log.read_text()}")


def resident(pid: int) -> int:
    """Resident memory of a process in bytes."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def processor_seconds(*pids: int) -> float:
    """Seconds that processes and their descendants spent on a core, their own and the kernel's for them."""
    ticks: dict[int, int] = {}
    children: dict[int, list[int]] = {}
    for pid, parent, spent in _processes():
        ticks[pid] = spent
        children.setdefault(parent, []).append(pid)
    found, left = 0, list(pids)
    while left:
        pid = left.pop()
        found += ticks.get(pid, 0)
        left += children.get(pid, [])
    return found / os.sysconf("SC_CLK_TCK")


def children_of(pid: int) -> list[int]:
    """Return the processes that *pid* started and that still run."""
    return sorted(child for child, parent, _ in _processes() if parent == pid)


def _processes() -> Iterator[tuple[int, int, int]]:
    """Yield every process with its parent and the ticks that it has spent."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:  # it ended
            continue
        yield int(stat.parent.name), int(fields[1]), int(fields[11]) + int(fields[12])

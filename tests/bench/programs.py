"""Programs under measurement: each on its core, waited for, and ended by its process id."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROXY_CORE, LOAD_CORE = "0", "1"


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
    for _ in range(400):
        if process.returncode is not None:
            raise SystemExit(f"a contender ended: {log.read_text()}")
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.025)
            continue
        writer.close()
        return
    raise SystemExit(f"nobody listens on {port}: {log.read_text()}")


async def ready(port: int, process: asyncio.subprocess.Process, log: Path) -> float:
    """Return, when the gateway says on its admin port that it is ready, the seconds since the call."""
    began = time.monotonic()
    for _ in range(2000):
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
    raise SystemExit(f"the gateway is not ready: {log.read_text()}")


def resident(pid: int) -> int:
    """Resident memory of a process in bytes."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def processor_seconds(pid: int) -> float:
    """Seconds that a process has spent on a core, its own and the kernel's for it."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

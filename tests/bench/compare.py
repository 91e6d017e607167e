"""`make bench`: nginx, Caddy and this gateway side by side in one run.

One proxy process on one core, load and upstream on the other, 330-byte answers, 32 keep-alive
connections. The gateway serves a warm, authenticated session; the others do no authentication at
all. Nobody writes an access log. All come from the distribution: nginx, Caddy, and the Python that
runs the gateway, which is built with profile-guided optimisation, as one that was compiled by hand
often is not (BENCH_PYTHON names another). Machines differ, so ratios are what counts. Writes
var/bench.json.
"""

import argparse
import asyncio
import json
import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.bench.bodies import measure_bodies
from tests.fakes.browser import Browser
from tests.fakes.issuer import HostileIssuer
from tests.fakes.ports import free_port

ROOT = Path(__file__).parents[2]
PROXY_CORE, LOAD_CORE = "0", "1"
BODY = "x" * 330

UPSTREAM = """
worker_processes 1; daemon off; pid {folder}/upstream.pid; error_log stderr error;
events {{ worker_connections 4096; }}
http {{ access_log off; keepalive_requests 100000000;
  client_body_temp_path {folder}/u1; proxy_temp_path {folder}/u2; fastcgi_temp_path {folder}/u3;
  uwsgi_temp_path {folder}/u4; scgi_temp_path {folder}/u5;
  server {{ listen 127.0.0.1:{port}; location / {{ return 200 "{body}"; }} }} }}
"""
NGINX = """
worker_processes 1; daemon off; pid {folder}/nginx.pid; error_log stderr error;
events {{ worker_connections 4096; }}
http {{ access_log off; keepalive_requests 100000000;
  client_body_temp_path {folder}/n1; proxy_temp_path {folder}/n2; fastcgi_temp_path {folder}/n3;
  uwsgi_temp_path {folder}/n4; scgi_temp_path {folder}/n5;
  upstream app {{ server 127.0.0.1:{upstream}; keepalive 64; }}
  server {{ listen 127.0.0.1:{port};
    location / {{ proxy_pass http://app; proxy_http_version 1.1; proxy_set_header Connection ""; }} }} }}
"""
CADDY = """
{{
    admin off
    auto_https off
}}
http://127.0.0.1:{port} {{
    reverse_proxy 127.0.0.1:{upstream}
}}
"""
GATEWAY = """
public_url = "http://localhost:{port}"
listen = "127.0.0.1:{port}"
admin_listen = "127.0.0.1:{admin}"
secret = {{ file = "secret.key" }}
[database]
url = "sqlite:///gateway.db"
[log]
format = "json"
level = "warning"
[[providers]]
id = "issuer"
issuer = "{issuer}"
client_id = "{client_id}"
client_secret = {{ env = "BENCH_CLIENT_SECRET" }}
[[routes]]
path = "/"
upstream = "http://127.0.0.1:{upstream}"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One run of the load: requests a second, and latency in milliseconds."""

    rate: float
    p50: float
    p99: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    name: str
    url: str
    headers: tuple[str, ...] = ()


async def start(
    core: str, *command: str, environ: dict[str, str] | None = None, log: Path
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


@asynccontextmanager
async def running(
    core: str, *command: str, port: int, log: Path, environ: dict[str, str] | None = None
) -> AsyncIterator[int]:
    """Run *command* until it listens on *port*; gives its process id, stops it by that id."""
    process = await start(core, *command, environ=environ, log=log)
    try:
        await listening(port, process, log)
        yield process.pid
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def listening(port: int, process: asyncio.subprocess.Process, log: Path) -> None:
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


async def ready(port: int, process_log: Path) -> None:
    """Return when the gateway says so on its admin port."""
    for _ in range(2000):
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET /readyz HTTP/1.0\r\nHost: localhost\r\n\r\n")
            line = await reader.readline()
            writer.close()
            if b" 200 " in line:
                return
        except OSError:
            pass
        await asyncio.sleep(0.005)
    raise SystemExit(f"the gateway is not ready: {process_log.read_text()}")


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


def load(contender: Contender, *, seconds: int, connections: int) -> Round:
    """Run wrk once and read what it prints."""
    command = ["taskset", "-c", LOAD_CORE, "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency"]
    for header in contender.headers:
        command += ["-H", header]
    printed = subprocess.run([*command, contender.url], capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in printed:
        raise SystemExit(f"{contender.name} answered with errors:\n{printed}")
    rate = re.search(r"Requests/sec:\s+([\d.]+)", printed)
    latency = {
        percent: _milliseconds(value) for percent, value in re.findall(r"(50|99)%\s+([\d.]+\w+)", printed)
    }
    if rate is None:
        raise SystemExit(printed)
    return Round(rate=float(rate[1]), p50=latency["50"], p99=latency["99"])


def _milliseconds(text: str) -> float:
    number = float(re.match(r"[\d.]+", text)[0])  # type: ignore[index]
    return number * {"us": 0.001, "ms": 1.0, "s": 1000.0}[text.lstrip("0123456789.")]


async def signed_in(port: int, issuer: HostileIssuer) -> str:
    """Sign in and return the session as a Cookie header."""
    browser = Browser({f"http://localhost:{port}": port, issuer.url: int(issuer.url.rpartition(":")[2])})
    page = await browser.navigate(f"http://localhost:{port}/")
    if page.status != 200:
        raise SystemExit(f"the login ended with {page.status}: {page.text}")
    cookies = browser.cookies["localhost"]
    return "; ".join(f"{name}={value}" for name, value in cookies.items() if name == "session")


def resident(pid: int) -> int:
    """Resident memory of a process in bytes."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


async def compare(*, rounds: int, seconds: int, megabytes: int) -> dict[str, object]:
    """Run everything and return what was measured."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="bench")))
        upstream = await _upstream(stack, folder)
        contenders = [Contender(name="direct", url=f"http://127.0.0.1:{upstream}/")]
        contenders.append(await _nginx(stack, folder, upstream))
        contenders.append(await _caddy(stack, folder, upstream))
        gateway, ready_after = await _gateway(stack, folder, upstream)
        contenders.append(gateway)
        measured = await _rounds(contenders, rounds, seconds)
        rates = {name: statistics.median(each.rate for each in results) for name, results in measured.items()}
        bodies = await measure_bodies(megabytes=megabytes, start=_body_gateway(folder), resident=resident)
    return {
        "rounds": {name: [asdict(each) for each in results] for name, results in measured.items()},
        "median_rate": {name: round(rate) for name, rate in rates.items()},
        "ratio": {
            "gateway / caddy": round(rates["gateway"] / rates["caddy"], 2),
            "gateway / nginx": round(rates["gateway"] / rates["nginx"], 2),
        },
        "ready_seconds": round(ready_after, 2),
        "bodies": bodies,
        "python": subprocess.run(
            [interpreter(), "--version"], capture_output=True, text=True, check=True
        ).stdout.strip(),
    }


async def _rounds(contenders: Sequence[Contender], rounds: int, seconds: int) -> dict[str, list[Round]]:
    """Warm everybody up, then let them run in turn, so that a noisy minute is shared."""
    for each in contenders:
        await asyncio.to_thread(load, each, seconds=1, connections=32)
    measured: dict[str, list[Round]] = {each.name: [] for each in contenders}
    for _ in range(rounds):
        for each in contenders:
            measured[each.name].append(await asyncio.to_thread(load, each, seconds=seconds, connections=32))
    return measured


async def _upstream(stack: AsyncExitStack, folder: Path) -> int:
    port = free_port()
    conf = folder / "upstream.conf"
    conf.write_text(UPSTREAM.format(folder=folder, port=port, body=BODY))
    command = ("nginx", "-p", str(folder), "-c", str(conf))
    await stack.enter_async_context(running(LOAD_CORE, *command, port=port, log=folder / "upstream.log"))
    return port


async def _nginx(stack: AsyncExitStack, folder: Path, upstream: int) -> Contender:
    port = free_port()
    conf = folder / "nginx.conf"
    conf.write_text(NGINX.format(folder=folder, port=port, upstream=upstream))
    command = ("nginx", "-p", str(folder), "-c", str(conf))
    await stack.enter_async_context(running(PROXY_CORE, *command, port=port, log=folder / "nginx.log"))
    return Contender(name="nginx", url=f"http://127.0.0.1:{port}/")


async def _caddy(stack: AsyncExitStack, folder: Path, upstream: int) -> Contender:
    port = free_port()
    conf = folder / "Caddyfile"
    conf.write_text(CADDY.format(port=port, upstream=upstream))
    command = ("caddy", "run", "--config", str(conf), "--adapter", "caddyfile")
    environ = {"GOMAXPROCS": "1", "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    await stack.enter_async_context(
        running(PROXY_CORE, *command, port=port, log=folder / "caddy.log", environ=environ)
    )
    return Contender(name="caddy", url=f"http://127.0.0.1:{port}/")


async def _gateway(stack: AsyncExitStack, folder: Path, upstream: int) -> tuple[Contender, float]:
    issuer = await stack.enter_async_context(HostileIssuer())
    port, _, seconds = await stack.enter_async_context(gateway(folder, "main", upstream, issuer))
    cookie = await signed_in(port, issuer)
    headers = (f"Cookie: {cookie}", f"Host: localhost:{port}")
    return Contender(name="gateway", url=f"http://127.0.0.1:{port}/", headers=headers), seconds


@asynccontextmanager
async def gateway(
    folder: Path, name: str, upstream: int, issuer: HostileIssuer
) -> AsyncIterator[tuple[int, int, float]]:
    """Run the gateway; gives its port, its process id, and the seconds until it was ready."""
    home = folder / name
    home.mkdir()
    key = home / "secret.key"
    key.touch(mode=0o600)
    key.write_text(os.urandom(32).hex())
    port, admin = free_port(), free_port()
    values = {
        "port": port,
        "admin": admin,
        "upstream": upstream,
        "issuer": issuer.url,
        "client_id": issuer.client_id,
    }
    (home / "gateway.toml").write_text(GATEWAY.format(**values))
    command = (interpreter(), "-m", "gateway", "run", "--config", str(home / "gateway.toml"))
    environ = {"BENCH_CLIENT_SECRET": issuer.client_secret, "PYTHONPATH": str(ROOT)}
    log = home / "log"
    began = time.monotonic()
    process = await start(PROXY_CORE, *command, environ=environ, log=log)
    try:
        await ready(admin, log)
        yield port, process.pid, time.monotonic() - began
    finally:
        process.terminate()
        await process.wait()


def _body_gateway(folder: Path):  # type: ignore[no-untyped-def]
    @asynccontextmanager
    async def start_for(upstream: int) -> AsyncIterator[tuple[int, int, str]]:
        async with HostileIssuer() as issuer, gateway(folder, "bodies", upstream, issuer) as (port, pid, _):
            yield port, pid, await signed_in(port, issuer)

    return start_for


def main() -> None:
    """Compare, print, and write var/bench.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--megabytes", type=int, default=1024)
    given = parser.parse_args()
    interpreter()
    measured = asyncio.run(compare(rounds=given.rounds, seconds=given.seconds, megabytes=given.megabytes))
    out = ROOT / "var" / "bench.json"
    out.parent.mkdir(exist_ok=True)
    out.write_text(json.dumps(measured, indent=2) + "\n")
    shown = {name: value for name, value in measured.items() if name != "rounds"}
    print(json.dumps(shown, indent=2))


if __name__ == "__main__":
    main()

"""A master behind Sentinels, and a cluster of three nodes: real servers on free loopback ports.

async with sentinel_topology(sentinels=3) as redis: ...    # of the test's own
shared_cluster()                                           # one a test process, emptied by whoever uses it

Both are asked as a `RedisProcess` is; `servers` are the processes, by port.
"""

import asyncio
import atexit
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from redis import Redis as BlockingRedis
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import MovedError, ReadOnlyError, RedisError

from tests.fakes.ports import free_port

PATIENCE = 20.0
MASTER = "main"


@dataclass(slots=True, kw_only=True)
class RedisTopology:
    """Several servers; `url` is for `[redis] url`, `folder` holds what they write."""

    folder: Path
    url: str = ""
    servers: dict[int, subprocess.Popen[bytes]] = field(default_factory=dict)
    sentinels: dict[int, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, port: int, *more: str, sentinel: bool = False) -> None:
        """Start the server of *port*, empty; with *sentinel*, by the file that is named first."""
        program = shutil.which("redis-server")
        assert program, "redis-server is not installed"
        words = ["--port", str(port), "--save", "", "--appendonly", "no", "--repl-diskless-sync-delay", "0"]
        process = subprocess.Popen(
            [program, *more, "--sentinel"] if sentinel else [program, *words, *more],
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        (self.sentinels if sentinel else self.servers)[port] = process
        until(lambda: said(port, "PING") is True)

    def stop(self, port: int) -> None:
        """End the server of *port*, which then refuses."""
        process = self.servers[port]
        process.send_signal(signal.SIGCONT)
        process.kill()
        process.wait()

    def hang(self, port: int) -> None:
        self.servers[port].send_signal(signal.SIGSTOP)

    def go_on(self, port: int) -> None:
        self.servers[port].send_signal(signal.SIGCONT)

    def close(self) -> None:
        for process in (*self.sentinels.values(), *self.servers.values()):
            process.kill()
            process.wait()

    @property
    def running(self) -> list[int]:
        return [port for port, process in self.servers.items() if process.poll() is None]

    async def ask(self, *command: str | bytes | int) -> Any:
        """Send one command to whichever server takes it."""
        refused: RedisError = RedisConnectionError("none runs")
        for port in self.running:
            try:
                return await asked_at(port, *command)
            except (MovedError, ReadOnlyError) as error:
                refused = error
        raise refused

    async def named(self, kind: str) -> list[bytes]:
        """Return the names of all keys of one *kind*, such as `session`, on masters."""
        names: set[bytes] = set()
        for port in self.running:
            if (await asked_at(port, "ROLE"))[0] == b"master":
                names.update(await asked_at(port, "KEYS", f"vestibule:*:{kind}:*"))
        return sorted(names)

    async def empty(self) -> None:
        for port in self.running:
            if (await asked_at(port, "ROLE"))[0] == b"master":
                await asked_at(port, "FLUSHALL")


async def asked_at(port: int, *command: str | bytes | int) -> Any:
    """Send one command to the server of *port*."""
    async with Redis(host="127.0.0.1", port=port, protocol=2) as client:
        return await client.execute_command(*command)


def said(port: int, *command: str | int) -> Any:
    """Return what the server of *port* says at once, None where it does not answer."""
    try:
        with BlockingRedis(host="127.0.0.1", port=port, protocol=2, socket_timeout=1) as client:
            return client.execute_command(*command)
    except RedisError:
        return None


def until(holds: Callable[[], bool]) -> None:
    """Wait until *holds*; only while nothing else runs."""
    ends_at = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < ends_at, "the servers do not find together"
        time.sleep(0.02)


@contextmanager
def _closed(redis: RedisTopology) -> Iterator[RedisTopology]:
    try:
        yield redis
    except BaseException:
        redis.close()
        raise


def started_sentinel(folder: Path, *, sentinels: int) -> RedisTopology:
    """Start a master with one replica and *sentinels* that know them and one another."""
    with _closed(RedisTopology(folder=folder)) as redis:
        master, replica = free_port(), free_port()
        redis.start(master)
        redis.start(replica, "--replicaof", f"127.0.0.1 {master}")
        until(lambda: "online" in str((said(master, "INFO") or {}).get("slave0")))
        for _ in range(sentinels):
            port = free_port()
            file = folder / f"sentinel-{port}.conf"
            file.write_text(
                f"port {port}\nbind 127.0.0.1\n"
                f"sentinel monitor {MASTER} 127.0.0.1 {master} {sentinels // 2 + 1}\n"
                f"sentinel down-after-milliseconds {MASTER} 400\n"
                f"sentinel failover-timeout {MASTER} 3000\n"
            )
            redis.start(port, str(file), sentinel=True)
        for port in redis.sentinels:
            until(lambda port=port: _knows_all(port, others=sentinels - 1))  # type: ignore[misc]
        places = ",".join(f"127.0.0.1:{port}" for port in redis.sentinels)
        redis.url = f"redis+sentinel://{places}/{MASTER}/0"
        return redis


def _knows_all(port: int, *, others: int) -> bool:
    master = said(port, "SENTINEL", "MASTER", MASTER) or []
    facts = dict(zip(master[::2], master[1::2], strict=True))
    return (facts.get(b"num-slaves"), facts.get(b"num-other-sentinels")) == (b"1", b"%d" % others)


def started_cluster(folder: Path) -> RedisTopology:
    """Start three nodes that share all slots; where one is down the others go on."""
    with _closed(RedisTopology(folder=folder)) as redis:
        ports = [free_port() for _ in range(3)]
        buses = [free_port() for _ in ports]
        for port, bus in zip(ports, buses, strict=True):
            redis.start(
                port,
                *("--cluster-enabled", "yes", "--cluster-port", str(bus)),
                *("--cluster-config-file", f"nodes-{port}.conf", "--cluster-node-timeout", "1000"),
                *("--cluster-require-full-coverage", "no"),
            )
        for index, port in enumerate(ports):
            first, last = index * 16384 // 3, (index + 1) * 16384 // 3 - 1
            said(port, "CLUSTER", "ADDSLOTSRANGE", first, last)
            said(port, "CLUSTER", "SET-CONFIG-EPOCH", index + 1)
        for port, bus in zip(ports[1:], buses[1:], strict=True):
            said(ports[0], "CLUSTER", "MEET", "127.0.0.1", port, bus)
        until(lambda: all(_is_whole(port) for port in ports))
        redis.url = "redis+cluster://" + ",".join(f"127.0.0.1:{port}" for port in ports)
        return redis


def _is_whole(port: int) -> bool:
    slots = said(port, "CLUSTER", "SLOTS") or []
    info = str(said(port, "CLUSTER", "INFO"))
    return len(slots) == 3 and "cluster_state:ok" in info.replace("': '", ":").replace("'", "")


@asynccontextmanager
async def sentinel_topology(folder: Path, *, sentinels: int = 3) -> AsyncIterator[RedisTopology]:
    """Run a master, a replica and Sentinels until the block ends."""
    redis = await asyncio.to_thread(started_sentinel, folder, sentinels=sentinels)
    try:
        yield redis
    finally:
        redis.close()


@asynccontextmanager
async def cluster_topology(folder: Path) -> AsyncIterator[RedisTopology]:
    """Run three nodes until the block ends."""
    redis = await asyncio.to_thread(started_cluster, folder)
    try:
        yield redis
    finally:
        redis.close()


@cache
def shared_sentinel() -> RedisTopology:
    """Return the master behind a Sentinel of this process's tests, none of which may stop it."""
    return _shared(lambda folder: started_sentinel(folder, sentinels=1))


@cache
def shared_cluster() -> RedisTopology:
    """Return the cluster of this process's tests, none of which may stop a node of it."""
    return _shared(started_cluster)


def _shared(start: Callable[[Path], RedisTopology]) -> RedisTopology:
    folder = Path(tempfile.mkdtemp())
    redis = start(folder)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    atexit.register(redis.close)
    return redis

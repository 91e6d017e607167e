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
from itertools import combinations
from pathlib import Path
from typing import Any

from redis import Redis as BlockingRedis
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import MovedError, ReadOnlyError, RedisError

from tests.fakes.ports import free_port
from tests.fakes.redis_tls import Papers

PATIENCE = 40.0
LONG = 15_000  # milliseconds of silence before a server that nobody stops is taken for dead
MASTER = "main"


@dataclass(slots=True, kw_only=True)
class RedisTopology:
    """Several servers; `url` is for `[redis] url`, `folder` holds what they write."""

    folder: Path
    url: str = ""
    servers: dict[int, subprocess.Popen[bytes]] = field(default_factory=dict)
    sentinels: dict[int, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, port: int, *more: str, sentinel: bool = False, password: str = "") -> None:
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
        until(lambda: said(port, "PING", password=password) is True)

    def stop(self, port: int) -> None:
        """End the server of *port*, which then refuses."""
        process = self.servers[port]
        process.send_signal(signal.SIGCONT)
        process.kill()
        process.wait()

    def hang(self, port: int) -> None:
        """Let the server or Sentinel of *port* accept connections and answer nothing."""
        (self.servers | self.sentinels)[port].send_signal(signal.SIGSTOP)

    def go_on(self, port: int) -> None:
        (self.servers | self.sentinels)[port].send_signal(signal.SIGCONT)

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


def said(port: int, *command: str | int, password: str = "") -> Any:
    """Return what the server of *port* says at once, None where it does not answer."""
    try:
        with BlockingRedis(
            host="127.0.0.1", port=port, protocol=2, socket_timeout=1, password=password or None
        ) as client:
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


def started_sentinel(
    folder: Path, *, sentinels: int, tls: Papers | None = None, password: str = "", dead_after: int = 400
) -> RedisTopology:
    """Start a master with one replica and *sentinels* that know them and one another.

    With *tls* all speak it to one another and to us, and plainly to the test; *password* is the Sentinels'.
    A master that says nothing for *dead_after* milliseconds is replaced.
    """
    with _closed(RedisTopology(folder=folder)) as redis:
        master, replica = free_port(), free_port()
        secure = {port: free_port() if tls else port for port in (master, replica)}
        words = {port: tls.words(secure[port]) if tls else () for port in secure}
        redis.start(master, *words[master])
        redis.start(replica, *words[replica], "--replicaof", f"127.0.0.1 {secure[master]}")
        until(lambda: "online" in str((said(master, "INFO") or {}).get("slave0")))
        asked: list[int] = []
        for _ in range(sentinels):
            port = free_port()
            asked.append(free_port() if tls else port)
            more = tls.words(asked[-1]) if tls else ()
            pairs = zip(more[::2], more[1::2], strict=True)
            secured = "".join(f"{name.removeprefix('--')} {value}\n" for name, value in pairs)
            if password:
                secured += f"requirepass {password}\nsentinel sentinel-pass {password}\n"
            file = folder / f"sentinel-{port}.conf"
            file.write_text(
                f"port {port}\nbind 127.0.0.1\n"
                + secured
                + f"sentinel monitor {MASTER} 127.0.0.1 {secure[master]} {sentinels // 2 + 1}\n"
                f"sentinel down-after-milliseconds {MASTER} {dead_after}\n"
                f"sentinel failover-timeout {MASTER} 3000\n"
            )
            redis.start(port, str(file), sentinel=True, password=password)
        for port in redis.sentinels:
            until(lambda port=port: _knows_all(port, password, others=sentinels - 1))  # type: ignore[misc]
        places = ",".join(f"127.0.0.1:{port}" for port in asked)
        redis.url = f"{'rediss' if tls else 'redis'}+sentinel://{places}/{MASTER}/0"
        return redis


def _knows_all(port: int, password: str, *, others: int) -> bool:
    master = said(port, "SENTINEL", "MASTER", MASTER, password=password) or []
    facts = dict(zip(master[::2], master[1::2], strict=True))
    return (facts.get(b"num-slaves"), facts.get(b"num-other-sentinels")) == (b"1", b"%d" % others)


def started_cluster(folder: Path, *, replicas: bool = False, tls: Papers | None = None) -> RedisTopology:
    """Start three nodes that share all slots; where one is down the others go on.

    With *replicas* each has one, which takes over; with *tls* they speak it, and plainly to the test.
    """
    with _closed(RedisTopology(folder=folder)) as redis:
        ports = [free_port() for _ in range(6 if replicas else 3)]
        masters = ports[:3]
        secure = {port: free_port() if tls else port for port in ports}
        buses = [free_port() for _ in ports]
        for port, bus in zip(ports, buses, strict=True):
            redis.start(
                port,
                *("--cluster-enabled", "yes", "--cluster-port", str(bus)),
                *("--cluster-config-file", f"nodes-{port}.conf"),
                *("--cluster-node-timeout", str(1000 if replicas else LONG)),
                *("--cluster-require-full-coverage", "no", "--cluster-replica-validity-factor", "0"),
                *(tls.words(secure[port]) if tls else ()),
            )
        for index, port in enumerate(masters):
            first, last = index * 16384 // 3, (index + 1) * 16384 // 3 - 1
            said(port, "CLUSTER", "ADDSLOTSRANGE", first, last)
            said(port, "CLUSTER", "SET-CONFIG-EPOCH", index + 1)
        for (one, _), (other, bus) in combinations(zip(ports, buses, strict=True), 2):
            said(one, "CLUSTER", "MEET", "127.0.0.1", secure[other], bus)
        until(lambda: all(_is_whole(port) for port in ports))
        for master, replica in zip(masters, ports[3:], strict=False):
            until(lambda m=master, r=replica: _follows(r, m))  # type: ignore[misc]
        places = ",".join(f"127.0.0.1:{secure[port]}" for port in masters)
        redis.url = f"{'rediss' if tls else 'redis'}+cluster://{places}"
        return redis


def _follows(replica: int, master: int) -> bool:
    """Make *replica* one of *master*; say whether it is in step, and all know of it."""
    name = said(master, "CLUSTER", "MYID")
    if said(replica, "CLUSTER", "REPLICATE", name.decode()) is None:
        return False
    role = said(replica, "ROLE") or []
    return len(role) > 3 and role[3] == b"connected"


def _is_whole(port: int) -> bool:
    slots = said(port, "CLUSTER", "SLOTS") or []
    info = str(said(port, "CLUSTER", "INFO"))
    return len(slots) == 3 and "cluster_state:ok" in info.replace("': '", ":").replace("'", "")


@asynccontextmanager
async def sentinel_topology(
    folder: Path, *, sentinels: int = 3, tls: Papers | None = None, password: str = ""
) -> AsyncIterator[RedisTopology]:
    """Run a master, a replica and Sentinels until the block ends."""
    redis = await asyncio.to_thread(started_sentinel, folder, sentinels=sentinels, tls=tls, password=password)
    try:
        yield redis
    finally:
        redis.close()


@asynccontextmanager
async def cluster_topology(
    folder: Path, *, replicas: bool = False, tls: Papers | None = None
) -> AsyncIterator[RedisTopology]:
    """Run three nodes, or six, until the block ends."""
    redis = await asyncio.to_thread(started_cluster, folder, replicas=replicas, tls=tls)
    try:
        yield redis
    finally:
        redis.close()


@cache
def shared_sentinel() -> RedisTopology:
    """Return the master behind a Sentinel of this process's tests, none of which may stop it."""
    return _shared(lambda folder: started_sentinel(folder, sentinels=1, dead_after=LONG))


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

"""A PostgreSQL of the tests' own: one server for a process of the run, a fresh database for each test.

    database = shared().fresh()
    database.url                      # for [database] url
    database.sql("DELETE FROM users") # as a hand at the console
    async with postgres_process() as server: server.hang(); server.go_on(); server.restart()

It listens on a free port of the loopback with its data, and its socket, in a temporary folder.
"""

import asyncio
import atexit
import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from itertools import count
from pathlib import Path
from tempfile import mkdtemp
from time import monotonic, sleep
from typing import Any
from urllib.parse import quote

import asyncpg

from gateway.store import schema
from gateway.store.postgres import TURN
from tests.fakes.ports import free_port
from tests.fakes.postgres_programs import program

ROLE = "gateway"
PASSWORD = "canary: the password of the database"
PATIENCE = 30.0
_TEMPLATE = "made"
_SMALL = ("--wal-segsize=1",)  # MiB to copy for each server
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "fsync": "off",
    "full_page_writes": "off",
    "max_connections": "60",
    "shared_buffers": "16MB",
    "max_wal_size": "64MB",
    "autovacuum": "off",
}


@dataclass(slots=True, kw_only=True)
class PostgresDatabase:
    """One database of a server, with the schema of this release unless it was asked for empty."""

    server: "PostgresProcess"
    name: str

    @property
    def url(self) -> str:
        """The URL that the gateway is given."""
        return f"postgresql://{ROLE}:{quote(PASSWORD)}@127.0.0.1:{self.server.port}/{self.name}"

    def sql(self, statement: str) -> list[dict[str, Any]]:
        """Run *statement* as an operator at a console; return what it returns, by name of column."""
        return self.server.sql(statement, database=self.name)

    def hang_up(self) -> None:
        """End every connection that a gateway has to it."""
        ours = f"application_name = 'vestibule' AND datname = '{self.name}'"
        self.sql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {ours}")

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold what every write takes first."""
        with asyncio.Runner() as runner, ThreadPoolExecutor(1) as pool:
            at_console = self.server.connection(self.name)
            connection = pool.submit(runner.run, at_console).result()
            pool.submit(runner.run, connection.execute(f"SELECT pg_advisory_lock({TURN})")).result()
            try:
                yield
            finally:
                pool.submit(runner.run, connection.close()).result()
                pool.submit(runner.close).result()


@dataclass(slots=True, kw_only=True)
class PostgresProcess:
    """A server, its folder, and what it was started with."""

    folder: Path
    port: int = field(default_factory=free_port)
    settings: dict[str, str] = field(default_factory=dict)
    process: "subprocess.Popen[bytes] | None" = None
    numbers: "count[int]" = field(default_factory=count)

    def start(self) -> None:
        """Start it, and wait until it answers."""
        settings = {**_SETTINGS, "unix_socket_directories": str(self.folder), **self.settings}
        words = ["-D", str(self.folder / "data"), "-p", str(self.port)]
        words += [f"--{name}={value}" for name, value in settings.items()]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [_needed("postgres"), *words],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
                cwd=self.folder,
                **_unprivileged(),
            )
        patience = monotonic() + PATIENCE
        while True:
            try:
                self.sql("SELECT 1")
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                assert self.process.poll() is None, (self.folder / "log").read_text()
                assert monotonic() < patience, (self.folder / "log").read_text()
                sleep(0.02)
            else:
                return

    def stop(self, how: signal.Signals = signal.SIGQUIT) -> None:
        """End it, at once as a crash would unless *how* says otherwise; its port then refuses."""
        if self.process is not None and self.process.poll() is None:
            self.go_on()
            self.process.send_signal(how)
            self.process.wait()

    def restart(self) -> None:
        self.stop()
        self.start()

    def hang(self) -> None:
        """Let connections be accepted by the kernel and nothing be answered."""
        for pid in self._pids():
            os.kill(pid, signal.SIGSTOP)

    def go_on(self) -> None:
        for pid in reversed(self._pids()):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    def fresh(self, *, empty: bool = False) -> PostgresDatabase:
        """Return a new database of the present schema."""
        name = f"test{next(self.numbers)}"
        template = "template0" if empty else _TEMPLATE
        self.sql(f'CREATE DATABASE "{name}" TEMPLATE {template} OWNER {ROLE}')
        return PostgresDatabase(server=self, name=name)

    def bare(self) -> None:
        """Remove the role of a gateway, and what `fresh` copies."""
        self.sql(f"DROP DATABASE {_TEMPLATE}")
        self.sql(f"DROP ROLE {ROLE}")

    def sql(self, statement: str, *, database: str = "postgres") -> list[dict[str, Any]]:
        async def run() -> list[dict[str, Any]]:
            connection = await self.connection(database)
            try:
                return [dict(row) for row in await connection.fetch(statement)]
            finally:
                connection.terminate()

        return _apart(run())

    async def connection(self, database: str) -> Any:
        """Return a connection of the operator's, who may do everything."""
        return await asyncpg.connect(
            host=str(self.folder), port=self.port, user="postgres", database=database, ssl=False
        )

    def make_template(self) -> None:
        """Make the role of a gateway, and the database that `fresh` copies."""
        self.sql(f"CREATE ROLE {ROLE} LOGIN PASSWORD '{PASSWORD}'")
        self.sql(f"CREATE DATABASE {_TEMPLATE} OWNER {ROLE}")
        url = PostgresDatabase(server=self, name=_TEMPLATE).url
        with ThreadPoolExecutor(1) as pool:
            pool.submit(schema.upgrade, url).result()

    def _pids(self) -> list[int]:
        """Return the server's processes, the first of them first."""
        assert self.process is not None
        parent = self.process.pid
        children = []
        for status in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):
                if int(status.read_text().rpartition(")")[2].split()[1]) == parent:
                    children.append(int(status.parent.name))
        return [parent, *children]


def made(settings: dict[str, str] | None = None, *, files: Mapping[str, bytes] = {}) -> PostgresProcess:
    """Return a server that was never started, in a folder of its own, with *files* among its data."""
    folder = _own_folder()
    subprocess.run(["cp", "--archive", _cluster(), folder / "data"], check=True)  # with who owns each file
    for name, content in files.items():
        (folder / "data" / name).write_bytes(content)
        (folder / "data" / name).chmod(0o600)
        _give(folder / "data" / name)
    return PostgresProcess(folder=folder, settings=settings or {})


def standby_of(server: PostgresProcess) -> PostgresProcess:
    """Return a copy of *server*, which runs, that would follow it, and take its port; not started yet."""
    folder = _own_folder()
    follow = ("--write-recovery-conf", "--checkpoint=fast")
    where = ("-h", str(server.folder), "-p", str(server.port), "-U", "postgres")
    subprocess.run(
        [_needed("pg_basebackup"), *where, "-D", str(folder / "data"), *follow],
        check=True,
        cwd=folder,
        stdout=subprocess.DEVNULL,
        **_unprivileged(),
    )
    return PostgresProcess(folder=folder, port=server.port)


def end(server: PostgresProcess) -> None:
    """Stop it and remove its folder."""
    server.stop()
    shutil.rmtree(server.folder, ignore_errors=True)


@cache
def shared() -> PostgresProcess:
    """Return the server of this process, which runs until the process ends."""
    server = made()
    server.start()
    atexit.register(end, server)
    return server


@asynccontextmanager
async def postgres_process(
    *, files: Mapping[str, bytes] = {}, **settings: str
) -> AsyncIterator[PostgresProcess]:
    """Run a server of one's own until the block ends; *settings* are further ones of `postgresql.conf`."""
    server = await asyncio.to_thread(made, settings, files=files)
    try:
        await asyncio.to_thread(server.start)
        yield server
    finally:
        await asyncio.to_thread(end, server)


@cache
def _cluster() -> Path:
    """Return the data of a server that holds what `fresh` copies, and was shut down in good order."""
    folder = _own_folder()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    fixed = ("--auth-local=trust", "--auth-host=scram-sha-256", "--no-sync", "--encoding=UTF8")
    subprocess.run(
        [_needed("initdb"), "-D", str(folder / "data"), "--username=postgres", "--locale=C", *fixed, *_SMALL],
        check=True,
        cwd=folder,
        stdout=subprocess.DEVNULL,
        **_unprivileged(),
    )
    server = PostgresProcess(folder=folder)
    server.start()
    try:
        server.make_template()
    finally:
        server.stop(signal.SIGINT)
    return folder / "data"


def _own_folder() -> Path:
    folder = Path(mkdtemp(prefix="gateway-pg-"))
    folder.chmod(0o755)
    _give(folder)
    return folder


def _needed(name: str) -> str:
    found = program(name)
    assert found, f"{name} is not installed"
    return found


def _unprivileged() -> dict[str, Any]:
    """Return whom the server runs as: it refuses to be root."""
    if os.getuid():
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _give(path: Path) -> None:
    whom = _unprivileged()
    if whom:
        os.chown(path, whom["user"], whom["group"])


def _apart(work: "Coroutine[Any, Any, list[dict[str, Any]]]") -> list[dict[str, Any]]:
    """Run *work* on a loop of its own, whether or not one runs here."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()

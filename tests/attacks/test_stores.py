"""ATTACKS D: what the SQLite file may suffer, and what the gateway then does."""

import asyncio
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import pytest

from gateway.errors import SchemaMismatch, StoreUnavailable
from gateway.flows.link import Linking
from gateway.store.database import Database
from gateway.store.engine import BUSY
from tests.fakes.clock import FakeClock
from tests.fakes.databases import file_in, made_in, opened, raw, url_in
from tests.fakes.logins import ANN, BOB, session_of

NOW = 1_800_000_000


def linking(database: Database) -> Linking:
    return Linking(database.users, trust_email=frozenset(), audit=lambda event: None, clock=FakeClock())


async def sign_in(database: Database) -> str:
    return (await linking(database).settle(ANN, live=None, intent=None)).user.id


@asynccontextmanager
async def responsive(within: float) -> AsyncIterator[None]:
    """Hold that the event loop never stood still for longer than *within* seconds."""
    loop = asyncio.get_running_loop()
    gaps: list[float] = []

    async def tick() -> None:
        last = loop.time()
        while True:
            await asyncio.sleep(0.005)
            gaps.append(loop.time() - last)
            last = loop.time()

    ticking = asyncio.ensure_future(tick())
    await asyncio.sleep(0)
    try:
        yield
    finally:
        ticking.cancel()
        with suppress(asyncio.CancelledError):
            await ticking
    assert max(gaps) < within


@pytest.fixture
def slower(monkeypatch: pytest.MonkeyPatch) -> float:
    """Let a write wait so long for a lock that a busy machine is told from one that waits; return it."""
    assert BUSY <= 0.25
    for module in ("engine", "sqlite_errands"):
        monkeypatch.setattr(f"gateway.store.{module}.BUSY", 1.5)
    return 1.5


@pytest.mark.hurried
async def test_D09_a_lock_held_by_another_process_is_an_outage_in_time(tmp_path: Path, slower: float) -> None:
    async with opened(tmp_path) as database:
        user_id = await sign_in(database)
        session = session_of(user_id, authenticated_at=NOW)
        other = raw(tmp_path)
        other.execute("BEGIN EXCLUSIVE")
        loop = asyncio.get_running_loop()
        for write in (
            lambda: database.spend(b"x", NOW),
            lambda: database.deny("sid", NOW),
            lambda: sign_in(database),
        ):
            async with responsive(within=slower / 2):
                began = loop.time()
                with pytest.raises(StoreUnavailable):
                    await write()
                assert 0.8 * slower < loop.time() - began < 2 * slower
        standing = await database.standing(session)
        assert standing is not None, "readers pass beside a writer"
        assert not standing.denied
        other.execute("ROLLBACK")
        other.close()
        assert await database.spend(b"x", NOW)


@pytest.mark.hurried
async def test_D09_a_write_waits_while_another_process_keeps_finishing_its_own(
    tmp_path: Path, slower: float
) -> None:
    held = threading.Event()

    def hog() -> None:
        other = raw(tmp_path)
        for number in range(5):
            other.execute("BEGIN IMMEDIATE")
            held.set()
            time.sleep(slower * 0.6)  # the lock is never free for longer than a few microseconds
            other.execute("INSERT INTO spent_logins VALUES (?, ?)", (b"%d" % number, NOW))
            other.execute("COMMIT")
        other.close()

    async with opened(tmp_path) as database:
        hogging = asyncio.get_running_loop().run_in_executor(None, hog)
        await asyncio.to_thread(held.wait)
        assert await database.spend(b"x", NOW)
        await hogging


@pytest.mark.usefixtures("slower")
async def test_D09_a_lock_that_is_let_go_in_time_is_waited_for(tmp_path: Path) -> None:
    async with opened(tmp_path) as database:
        other = raw(tmp_path)
        other.execute("BEGIN EXCLUSIVE")
        asyncio.get_running_loop().call_later(0.08, other.execute, "ROLLBACK")
        assert await database.spend(b"x", NOW)
        other.close()


@contextmanager
def no_space_left(directory: Path) -> Iterator[None]:
    """Let no file of this process grow beyond what the database has now."""
    size = max(path.stat().st_size for path in directory.iterdir())
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_D10_with_a_full_disk_reads_work_and_logins_are_an_outage(tmp_path: Path) -> None:
    async with opened(tmp_path) as database:
        user_id = await sign_in(database)
        session = session_of(user_id, authenticated_at=NOW)
        with no_space_left(tmp_path):
            failures = 0
            for number in range(200):
                try:
                    await database.spend(b"%d" % number, NOW)
                except StoreUnavailable:
                    failures += 1
                    if failures == 3:
                        break
            assert failures == 3
            assert await database.standing(session) is not None
            assert len(await database.users.everyone()) == 1
        assert await database.spend(b"afterwards", NOW)
        assert await sign_in(database) == user_id


@pytest.mark.parametrize(
    ("harm", "sentence"),
    [
        (lambda path: path.unlink(), "run `gateway db upgrade`"),
        (lambda path: path.write_bytes(b""), "run `gateway db upgrade`"),
        (lambda path: path.write_bytes(os.urandom(8192)), "restore it from a backup"),
    ],
    ids=["missing", "empty", "garbage"],
)
async def test_D11_a_start_is_refused_with_a_sentence(tmp_path: Path, harm, sentence: str) -> None:
    made_in(tmp_path)
    harm(file_in(tmp_path))
    with pytest.raises(SchemaMismatch, match=sentence):
        await Database.open(url_in(tmp_path), clock=FakeClock())


async def test_D12_fifty_first_logins_at_once_are_one_user(tmp_path: Path) -> None:
    async with opened(tmp_path) as one, opened(tmp_path) as other:
        found = await asyncio.gather(*(sign_in(node) for node in (one, other) for _ in range(25)))
        assert len(set(found)) == 1
        assert len(await one.users.everyone()) == 1
        assert len(await one.users.accounts_of(found[0])) == 1


async def test_D13_every_time_written_is_the_gateway_s(tmp_path: Path) -> None:
    clock = FakeClock(1000.0)
    async with opened(tmp_path, clock) as database:
        user_id = await sign_in(database)
        (account,) = await database.users.accounts_of(user_id)
        (user,) = await database.users.everyone()
    assert (user.created_at, account.linked_at, account.last_login_at) == (1000, 1000, 1000)


KILLED = """
import asyncio, os, signal, sys
from gateway.store.database import Database
from gateway.store.engine import BUSY
from tests.fakes.logins import ANN, BOB

async def main():
    database = await Database.open(sys.argv[1], clock=lambda: 1_800_000_000.0)
    async with database.users.ledger() as ledger:
        await ledger.create_user(ANN)
    async with database.users.ledger() as ledger:
        user = await ledger.create_user(BOB)
        await ledger.grant(user.id, ["admin"])
        os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


async def test_D14_a_node_killed_inside_a_login_leaves_no_half_of_it(tmp_path: Path) -> None:
    command = [sys.executable, "-c", KILLED, made_in(tmp_path)]
    died = subprocess.run(command, cwd=Path(__file__).parents[2], check=False)
    assert died.returncode == -signal.SIGKILL
    async with opened(tmp_path) as database:
        (user,) = await database.users.everyone()
        assert user.email == ANN.email
        bob = await linking(database).settle(BOB, live=None, intent=None)
    assert bob.created

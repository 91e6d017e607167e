"""Files that change are taken over once they stand still, and what was refused is told once."""

import asyncio
import io
import json
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from gateway.file_watch import EVERY, FileWatch, pause_until_even
from gateway.observe.log import configure
from gateway.reload import Reload
from gateway.settings.loader import Loaded, load
from gateway.settings.schema import Settings
from tests.fakes.configuration import SECRET, SOUND, write

KEYED = SOUND.replace(f'"{SECRET}"', '{ file = "secret.key" }')
FIRST, NEXT = (
    b"the first secret of this gateway, long enough",
    b"the next secret of this gateway, long enough",
)


class Gateway:
    def __init__(self) -> None:
        self.rings: list[tuple[bytes, ...]] = []
        self.leases: list[float] = []
        self.kept = 0

    async def take_over(self, settings: Settings) -> None:
        self.rings.append(settings.secret)
        self.leases.append(settings.session.lease)

    def keep(self) -> None:
        self.kept += 1


class Stage:
    """A configuration whose secret is in a file, its reload, and the watch over it."""

    def __init__(self, folder: Path) -> None:
        self.key = folder / "secret.key"
        self.path = write(folder, KEYED)
        self.write(FIRST)
        self.gateway = Gateway()
        self.stream = io.BytesIO()
        self.log = configure(form="json", level="info", stream=self.stream, clock=lambda: 0.0)
        self.reload = Reload(self.gateway, self.load(), read=self.load, log=self.log)
        self.watch = FileWatch(read=self.reload.files, take_over=self.reload.refresh, pause=never)

    def load(self) -> Loaded:
        return load(self.path, environ={})

    def write(self, content: bytes, *, mode: int = 0o600) -> None:
        """Replace the file as a careful operator does: by another one."""
        new = self.key.with_suffix(".new")
        new.write_bytes(content)
        new.chmod(mode)
        new.replace(self.key)

    async def looks(self, times: int = 1) -> None:
        for _ in range(times):
            await self.watch.look()

    def told(self, name: str) -> list[dict[str, object]]:
        self.log.close()
        lines = map(json.loads, self.stream.getvalue().splitlines())
        return [line for line in lines if line["event"] == name]


async def never() -> None:
    await asyncio.Event().wait()


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(tmp_path)
    yield stage
    stage.log.close()


async def test_B131_nothing_is_taken_over_while_nothing_changes(stage: Stage) -> None:
    await stage.looks(3)
    assert (stage.gateway.rings, stage.gateway.kept) == ([], 0)


async def test_B131_a_key_that_changed_is_taken_over_once_it_stands_still(stage: Stage) -> None:
    stage.write(NEXT)
    await stage.looks()
    assert stage.gateway.rings == []
    await stage.looks(3)
    assert stage.gateway.rings == [(NEXT,)]
    assert stage.told("configuration.files_changed")[0]["files"] == [str(stage.key)]
    assert NEXT not in stage.stream.getvalue()


async def test_B131_what_is_being_written_is_not_read(stage: Stage) -> None:
    for size in range(5, len(NEXT) + 1, 5):
        stage.write(NEXT[:size])
        await stage.looks()
    stage.write(NEXT)
    await stage.looks()
    assert (stage.gateway.rings, stage.gateway.kept) == ([], 0)
    await stage.looks()
    assert stage.gateway.rings == [(NEXT,)]


@pytest.mark.parametrize("broken", [b"", b"short", None])
async def test_B131_B146_what_cannot_be_used_keeps_the_old_one_and_is_told_once(
    stage: Stage, broken: bytes | None
) -> None:
    if broken is None:
        stage.key.unlink()
    else:
        stage.write(broken)
    await stage.looks(5)
    assert (stage.gateway.rings, stage.gateway.kept) == ([], 1)
    stage.write(NEXT)
    await stage.looks(3)
    assert (stage.gateway.rings, stage.gateway.kept) == ([(NEXT,)], 1)
    assert len(stage.told("configuration.kept")) == 1


async def test_C05_a_key_that_others_may_read_is_refused(stage: Stage) -> None:
    stage.write(NEXT, mode=0o644)
    await stage.looks(3)
    assert (stage.gateway.rings, stage.gateway.kept) == ([], 1)


async def test_a_file_put_back_as_it_was_before_is_no_change(stage: Stage) -> None:
    kept = stage.key.with_suffix(".kept")
    os.link(stage.key, kept)
    stage.write(NEXT)
    await stage.looks()
    kept.replace(stage.key)
    await stage.looks(3)
    assert stage.gateway.rings == []


async def test_B131_an_edited_configuration_waits_for_its_signal(stage: Stage) -> None:
    stage.path.write_text(KEYED + '[session]\nlease = "5m"\n')
    await stage.looks(3)
    assert stage.gateway.rings == []
    stage.write(NEXT)
    await stage.looks(2)
    assert (stage.gateway.rings, stage.gateway.leases) == ([(NEXT,)], [600.0])
    await stage.reload.attempt()
    assert stage.gateway.leases == [600.0, 300.0]


async def test_what_a_reload_read_is_no_change_afterwards(stage: Stage) -> None:
    stage.write(NEXT)
    assert await stage.reload.attempt()
    await stage.looks(3)
    assert stage.gateway.rings == [(NEXT,)]


@pytest.mark.parametrize(
    ("now", "pause"), [(0.0, EVERY), (0.5, 1.5), (1.0, 1.0), (1.75, 2.25), (1.9999, 2.0001)]
)
async def test_processes_look_at_the_same_moment_and_never_twice_at_once(
    monkeypatch: pytest.MonkeyPatch, now: float, pause: float
) -> None:
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    await pause_until_even(lambda: 1_800_000_000 + now)()
    assert waited == [pytest.approx(pause, abs=1e-6)]


async def test_it_runs_until_it_is_cancelled(stage: Stage) -> None:
    turn: asyncio.Queue[None] = asyncio.Queue()
    looked: asyncio.Event = asyncio.Event()
    take_over: Callable[[], object] = stage.reload.refresh

    async def taken() -> None:
        await take_over()  # type: ignore[misc]
        looked.set()

    watch = FileWatch(read=stage.reload.files, take_over=taken, pause=turn.get)
    running = asyncio.create_task(watch.run())
    stage.write(NEXT)
    turn.put_nowait(None)
    turn.put_nowait(None)
    await asyncio.wait_for(looked.wait(), 10)
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    assert stage.gateway.rings == [(NEXT,)]

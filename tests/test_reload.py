"""A reload takes a configuration over, or says everything that is wrong with it and changes nothing."""

import asyncio
import io
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway.errors import Fault, SettingsInvalid
from gateway.observe.log import configure
from gateway.reload import Reload
from gateway.settings.loader import Loaded, load
from gateway.settings.schema import Settings
from tests.fakes.configuration import SECRET, SOUND, write


class Gateway:
    """What a reload asks of a gateway; *fault* is what taking over raises."""

    def __init__(self) -> None:
        self.taken: list[Settings] = []
        self.kept = 0
        self.fault: Exception | None = None

    async def take_over(self, settings: Settings) -> None:
        if self.fault is not None:
            raise self.fault
        self.taken.append(settings)

    def keep(self) -> None:
        self.kept += 1


class Stage:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.gateway = Gateway()
        self.stream = io.BytesIO()
        self.log = configure(form="json", level="info", stream=self.stream, clock=time.time)
        self.path = write(folder, SOUND)
        self.reload = Reload(self.gateway, self.read(), read=self.read, log=self.log)

    def read(self) -> Loaded:
        return load(self.path, environ={})

    async def attempt(self, text: str) -> bool:
        write(self.folder, text)
        return await self.reload.attempt()

    def told(self) -> list[dict[str, object]]:
        self.log.close()
        return [json.loads(line) for line in self.stream.getvalue().splitlines()]

    def events(self, name: str) -> list[dict[str, object]]:
        return [line for line in self.told() if line["event"] == name]


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(tmp_path)
    yield stage
    stage.log.close()


async def test_a_sound_configuration_is_taken_over_and_its_difference_told(stage: Stage) -> None:
    assert await stage.attempt(SOUND + '[session]\nlease = "5m"\n')
    assert [settings.session.lease for settings in stage.gateway.taken] == [300.0]
    lines = stage.told()
    changed = [line for line in lines if line["event"] == "configuration.changed"]
    assert [(line["setting"], line["was"], line["now"]) for line in changed] == [
        ("session.lease", '"10m"', '"5m"')
    ]
    [done] = [line for line in lines if line["event"] == "configuration.reloaded"]
    assert done["changes"] == 1
    assert stage.gateway.kept == 0


async def test_C05_a_secret_that_changed_is_told_by_its_place(stage: Stage) -> None:
    canary = "canary-secret-that-is-long-enough-for-us"
    (stage.folder / "key").write_text(canary)
    (stage.folder / "key").chmod(0o600)
    assert await stage.attempt(SOUND.replace(f'"{SECRET}"', '{ file = "key" }'))
    [change] = stage.events("configuration.changed")
    assert change["setting"] == "secret"
    assert "file key" in str(change["now"])
    assert canary not in stage.stream.getvalue().decode()
    assert SECRET not in stage.stream.getvalue().decode()


async def test_C02_B146_every_fault_is_told_with_file_line_and_key(stage: Stage) -> None:
    broken = SOUND.replace("issuer =", "isuer =") + '[session]\nlease = "soon"\n'
    assert not await stage.attempt(broken)
    assert (stage.gateway.taken, stage.gateway.kept) == ([], 1)
    lines = stage.told()
    faults = {line["setting"]: line for line in lines if line["event"] == "configuration.fault"}
    assert {"providers[0].isuer", "providers[0].issuer", "session.lease"} <= set(faults)
    assert faults["session.lease"]["line"] == broken.splitlines().index('lease = "soon"') + 1
    assert all(str(line["file"]).endswith("gateway.toml") for line in faults.values())
    [kept] = [line for line in lines if line["event"] == "configuration.kept"]
    assert (kept["level"], kept["faults"]) == ("error", len(faults))


@pytest.mark.parametrize("text", ["[[routes]\n", "\x00", "a" * (1024 * 1024 + 1)])
async def test_C02_what_is_no_toml_is_one_fault(stage: Stage, text: str) -> None:
    assert not await stage.attempt(text)
    [fault] = stage.events("configuration.fault")
    assert str(fault["file"]).endswith("gateway.toml")


async def test_C02_a_file_that_is_gone_is_one_fault(stage: Stage) -> None:
    stage.path.unlink()
    assert not await stage.reload.attempt()
    assert len(stage.events("configuration.fault")) == 1


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ('listen = "127.0.0.1:9090"\n', "listen"),
        ('admin_listen = "127.0.0.1:9090"\n', "admin_listen"),
        ('database.url = "sqlite:///other.db"\n', "database.url"),
        ('log.format = "console"\n', "log.format"),
    ],
)
async def test_what_is_open_for_life_is_refused_with_a_sentence(stage: Stage, change: str, key: str) -> None:
    assert not await stage.attempt(change + SOUND)
    assert stage.gateway.taken == []
    [fault] = stage.events("configuration.fault")
    assert (fault["setting"], fault["line"]) == (key, 1)
    assert fault["detail"] == "cannot change while the gateway runs"
    assert "restart" in str(fault["hint"])


async def test_whatever_the_gateway_cannot_take_over_is_told_and_kept_away(stage: Stage) -> None:
    stage.gateway.fault = LookupError("canary-text")
    assert not await stage.attempt(SOUND)
    assert stage.gateway.kept == 1
    [fault] = stage.events("configuration.fault")
    assert "LookupError" in str(fault["fault"])
    assert "canary-text" not in str(fault)


async def test_of_many_differences_the_log_tells_a_hundred_and_their_number(stage: Stage) -> None:
    routes = "".join(
        f'[[routes]]\npath = "/{number}"\nupstream = "http://127.0.0.1:3000"\n' for number in range(60)
    )
    assert await stage.attempt(SOUND + routes)
    [done] = stage.events("configuration.reloaded")
    assert len(stage.events("configuration.changed")) == 100 < int(str(done["changes"]))


async def test_C04_what_the_rooms_refuse_is_told_with_file_and_line(stage: Stage) -> None:
    stage.gateway.fault = SettingsInvalid([Fault(key="providers[0].client_id", message="is nobody's")])
    assert not await stage.attempt(SOUND)
    [fault] = stage.events("configuration.fault")
    assert (fault["setting"], fault["detail"]) == ("providers[0].client_id", "is nobody's")
    assert (fault["file"], fault["line"]) == (str(stage.path), 7)


async def test_the_next_is_compared_with_what_is_in_force(stage: Stage) -> None:
    shorter = SOUND + '[session]\nlease = "5m"\n'
    assert await stage.attempt(shorter)
    assert not await stage.attempt("nonsense")
    assert await stage.attempt(shorter)
    done = stage.events("configuration.reloaded")
    assert [line["changes"] for line in done] == [1, 0]


async def test_the_level_of_the_log_follows(stage: Stage) -> None:
    assert await stage.attempt(SOUND + '[log]\nlevel = "error"\n')
    stage.log.event("warning", "unheard", {})
    assert await stage.attempt(SOUND + '[log]\nlevel = "debug"\n')
    stage.log.event("debug", "heard", {})
    names = [line["event"] for line in stage.told()]
    assert "heard" in names
    assert "unheard" not in names


async def test_what_is_asked_during_a_reload_is_done_once_more(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    asked = asyncio.Event()
    reads = 0

    def read() -> Loaded:
        nonlocal reads
        reads += 1
        if reads == 1:
            for _ in range(5):
                loop.call_soon_threadsafe(asked.set)
        return stage.read()

    loop = asyncio.get_running_loop()
    reload = Reload(stage.gateway, stage.read(), read=read, log=stage.log)
    watching = asyncio.create_task(reload.when(asked))
    asked.set()
    await _until(lambda: len(stage.gateway.taken) == 2)
    await asyncio.sleep(0.05)
    assert reads == 2
    watching.cancel()
    await asyncio.wait([watching])
    stage.log.close()


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.005)

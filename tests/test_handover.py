"""A handover seen from the process that is replaced, with small programs in its successor's place."""

import asyncio
import io
import json
import os
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gateway import handover
from gateway.handover import Handover
from gateway.notify import Notify
from gateway.observe.log import configure
from gateway.ports import Ports
from gateway.successor import Start
from gateway.unix_socket import UnixSocket
from tests.fakes.systemd import systemd

CHANNEL = 5
"""Its number, after two sockets that are passed."""

HANGS = "exec sleep 600"
SERVES = (
    f"trap 'echo reloaded > reloads; exit 0' HUP; echo >&{CHANNEL}; read it <&{CHANNEL}; echo $it > heard; "
)
SERVES += "for each in 1 2 3 4 5 6 7 8 9; do sleep 0.1; done"


class Stage:
    """A handover with what it works on; `told` is what the log says."""

    def __init__(self, folder: Path, notify: Notify) -> None:
        self.folder = folder
        self.stream = io.BytesIO()
        self.log = configure(form="json", level="info", stream=self.stream, clock=lambda: 0.0)
        self.file = UnixSocket.bind(str(folder / "s"))
        self.ports = Ports(
            public=(self.file.sock,), admin=(socket.create_server(("127.0.0.1", 0)),), file=self.file
        )
        self.ending = asyncio.Event()
        self.handover = Handover(
            None,
            predecessor=None,
            ports=self.ports,
            listen=f"unix:{folder}/s",
            admin_listen="127.0.0.1:8081",
            ending=self.ending,
            notify=notify,
            log=self.log,
        )

    def begin(self, script: str, *, pid: int = 2) -> None:
        command = ("sh", "-c", f"cd {self.folder}; {script}")
        self.handover.begin(Start(command=command, environ=os.environ, pid=pid))

    def told(self, event: str) -> list[dict[str, object]]:
        lines = map(json.loads, self.stream.getvalue().splitlines())
        return [line for line in lines if line["event"] == event]

    async def hears(self, event: str, times: int = 1) -> dict[str, object]:
        """Return the last of so many *event*s; a thread writes them."""
        async with asyncio.timeout(20):
            while len(self.told(event)) < times:
                await asyncio.sleep(0.005)
        return self.told(event)[-1]

    async def not_replaced(self, times: int = 1) -> dict[str, object]:
        told = await self.hears("gateway.not_replaced", times)
        assert not self.handover.done
        assert not self.ending.is_set()
        return told


@asynccontextmanager
async def stage(folder: Path, notify: Notify | None = None) -> AsyncIterator[Stage]:
    made = Stage(folder, notify or Notify())
    try:
        yield made
    finally:
        await made.handover.end()
        made.ports.close()
        made.log.close()


async def test_once_the_successor_serves_everything_is_its_and_the_old_one_ends(tmp_path: Path) -> None:
    async with systemd(tmp_path) as heard, stage(tmp_path, Notify(heard.address)) as at:
        at.begin(SERVES)
        at.handover.reload()  # what it has read may be older
        async with asyncio.timeout(20):
            await at.ending.wait()
        assert at.handover.done
        started, replaced = await at.hears("successor.started"), await at.hears("gateway.replaced")
        assert started["pid"] == replaced["pid"]
        assert await heard.told() == f"MAINPID={replaced['pid']}"
        at.handover._notify.stopping()
        assert heard.heard.empty(), "who is not watched any more says nothing"
        assert at.ports.file is None
        assert (tmp_path / "s").is_socket()
        at.begin(HANGS)
        assert (await at.hears("gateway.not_replaced"))["reason"] == "the gateway ends"
        async with asyncio.timeout(20):
            while not (tmp_path / "reloads").exists():
                await asyncio.sleep(0.005)
    os.waitpid(int(str(started["pid"])), 0)


async def test_a_reload_before_it_was_begun_is_in_what_it_reads_anyway(tmp_path: Path) -> None:
    async with stage(tmp_path) as at:
        at.handover.reload()
        at.begin(f"trap 'exit 9' HUP; echo >&{CHANNEL}; read it <&{CHANNEL}; sleep 0.1; exit 0")
        async with asyncio.timeout(20):
            await at.ending.wait()
        successor = at.handover._successor
        assert successor is not None
        assert await successor.ended() == 0


async def test_one_that_fails_changes_nothing_and_another_may_follow(tmp_path: Path) -> None:
    async with stage(tmp_path) as at:
        at.begin("exit 3")
        told = await at.not_replaced()
        assert (told["reason"], told["status"], told["level"]) == ("it ended", 3, "error")
        at.handover.begin(Start(command=("/nowhere/gateway",), environ={}, pid=2))
        assert (await at.not_replaced(2))["reason"] == "No such file or directory"
        at.begin("exit 4")
        assert (await at.not_replaced(3))["status"] == 4
        assert at.ports.file is at.file


async def test_one_that_never_serves_is_killed_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handover, "START", 0.2)
    async with stage(tmp_path) as at:
        at.begin(HANGS)
        at.begin(HANGS)
        assert (await at.not_replaced())["reason"] == "a successor is on its way"
        told = await at.not_replaced(2)
        assert told["reason"] == "it did not serve within 0.2 seconds"
        assert told["status"] == -signal.SIGKILL
        assert len(at.told("successor.started")) == 1


async def test_C01_what_ends_the_old_one_meanwhile_ends_both(tmp_path: Path) -> None:
    async with stage(tmp_path) as at:
        at.begin(f"trap 'touch ended; exit 0' TERM; touch begun; while :; do sleep 0.02; done; {SERVES}")
        async with asyncio.timeout(20):
            while not (tmp_path / "begun").exists():
                await asyncio.sleep(0.005)
            at.ending.set()
            await at.handover.end()
        assert (tmp_path / "ended").exists()
        assert not at.handover.done
        started = await at.hears("successor.started")
        with pytest.raises(ChildProcessError):
            os.waitpid(int(str(started["pid"])), 0)


async def test_C01_one_that_serves_as_the_old_one_is_told_to_end_takes_nothing_over(tmp_path: Path) -> None:
    async with stage(tmp_path) as at:
        at.begin(SERVES)
        at.ending.set()
        attempt = at.handover._attempt
        assert attempt is not None
        async with asyncio.timeout(20):
            await attempt
            await at.handover.end()
        assert not at.handover.done
        assert at.ports.file is at.file
        assert [*at.told("gateway.replaced"), *at.told("gateway.not_replaced")] == []
    assert not (tmp_path / "heard").exists()


async def test_in_a_container_the_log_says_what_to_do_instead(tmp_path: Path) -> None:
    async with stage(tmp_path) as at:
        at.begin(SERVES, pid=1)
        told = await at.not_replaced()
        assert "several workers" in str(told["reason"])
        assert told["level"] == "warning"
        assert not at.told("successor.started")

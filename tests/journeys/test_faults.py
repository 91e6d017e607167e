"""Every fault of clients and apps at once, at a gateway in a process of its own, whose admin port answers."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

from tests.fakes.process import GatewayProcess, gateway_process
from tests.fakes.raw_client import RawConnection, get
from tests.fakes.upstream import RecordingUpstream, ok

PLACES = 40
OUTCOMES = {
    "garbage": 502,
    "endless head": 502,
    "huge head": 502,
    "many fields": 502,
    "1xx storm": 502,
    "no answer": 502,
    "cut head": 502,
    "truncated": 200,
    "two answers": 200,
    "slow body": 200,
    "silent": 0,
    "slow head": 0,
}
"""What each fault of an app has come to by the time that everybody asks; 0: it is waited for still."""


class Trouble:
    """A gateway, and connections to it that do all they can to keep it from its work."""

    def __init__(self, gateway: GatewayProcess, stack: AsyncExitStack) -> None:
        self.gateway = gateway
        self._stack = stack

    async def connect(self, *said: bytes, reading: bool = True) -> RawConnection:
        client = await self._stack.enter_async_context(await RawConnection.open(self.gateway.port))
        if not reading:
            client.writer.transport.pause_reading()  # type: ignore[attr-defined]
        for each in said:
            await client.write(each)
        return client

    def head(self, path: str, *headers: str, method: str = "GET") -> bytes:
        return get(path, *headers, host=f"localhost:{self.gateway.port}", method=method)

    async def stand(self) -> None:
        """Begin heads and bodies that do not come, and downloads that nobody takes."""
        for _ in range(4):
            await self.connect(self.head("/large")[:-2])
            await self.connect(self.head("/large", "Content-Length: 100", method="POST"), b"x")
            await self.connect(self.head("/large"), reading=False)

    async def flood(self) -> None:
        """Take every place that is left, and come fifty times more."""
        for _ in range(PLACES + 50):
            with suppress(ConnectionError):  # turned away before it has said anything
                await self.connect(b"G")


@asynccontextmanager
async def troubled(folder: Path) -> AsyncIterator[tuple[Trouble, dict[str, RawConnection]]]:
    """Run a gateway in front of one app for each fault, and ask each."""
    async with AsyncExitStack() as stack:
        tables = f'[limits]\nconnections = {PLACES}\nconnections_per_address = "off"\n'
        for path in ("large", *OUTCOMES):
            app = await stack.enter_async_context(RecordingUpstream())
            app.fault = path if path in OUTCOMES else ""
            app.answer_with(ok(b"x" * 8_000_000))
            place = path.replace(" ", "-")
            tables += f'[[routes]]\npath = "/{place}"\nupstream = "{app.url}"\naccess = "public"\n'
        gateway = await stack.enter_async_context(gateway_process(folder, tables))
        trouble = Trouble(gateway, await stack.enter_async_context(AsyncExitStack()))
        yield (
            trouble,
            {fault: await trouble.connect(trouble.head("/" + fault.replace(" ", "-"))) for fault in OUTCOMES},
        )


async def test_U01_U02_U03_U04_U06_U07_H39_H40_the_admin_port_answers_under_all_of_them(
    tmp_path: Path,
) -> None:
    async with troubled(tmp_path) as (trouble, asked):
        await trouble.stand()
        answers = {fault: await status(asked[fault]) for fault, known in OUTCOMES.items() if known}
        assert answers == {fault: known for fault, known in OUTCOMES.items() if known}
        await trouble.flood()
        for _ in range(10):
            assert (await trouble.gateway.admin("/livez")).status == 200
        assert (await trouble.gateway.admin("/readyz")).status == 200
        metrics = (await trouble.gateway.admin("/metrics")).text
        [found] = re.findall(r"^gateway_connections_open (\S+)$", metrics, re.MULTILINE)
        assert float(found) <= PLACES, "whoever came beyond them gave way or was turned away"


async def status(client: RawConnection) -> int:
    async with asyncio.timeout(20):
        return int((await client.reader.readuntil(b"\r\n\r\n")).split(b" ", 2)[1])

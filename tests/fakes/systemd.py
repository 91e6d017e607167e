"""Whoever started the gateway and listens to what it tells of itself, as systemd does."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

PATIENCE = 40.0


class Systemd:
    """Hears on the datagram socket at `address`, all the time."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.heard: asyncio.Queue[str] = asyncio.Queue()

    async def told(self) -> str:
        """Return what it is told next."""
        async with asyncio.timeout(PATIENCE):
            return await self.heard.get()

    async def until(self, state: str) -> list[str]:
        """Return what it was told before *state*."""
        before = []
        while (told := await self.told()) != state:
            before.append(told)
        return before


@asynccontextmanager
async def systemd(folder: Path, *, abstract: bool = False) -> AsyncIterator[Systemd]:
    """Listen until the block ends."""
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind("" if abstract else str(folder / "notify"))
        channel.setblocking(False)
        name = channel.getsockname()
        listening = Systemd("@" + name[1:].decode() if isinstance(name, bytes) else name)
        loop.add_reader(channel, lambda: listening.heard.put_nowait(channel.recv(4096).decode()))
        try:
            yield listening
        finally:
            loop.remove_reader(channel)

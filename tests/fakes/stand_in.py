"""A process in a worker's place, for what a gateway would not do on command. Run as a program.

It serves the sockets that it inherits as its arguments say: `ready` answers every request on the admin
socket with 200, for `/reloads` with how many SIGHUP there were; `mute` never answers there, `dies` ends with
3 at once. On the public socket it writes its process id and closes. SIGTERM ends it with 0. `patient` is
ready too, but goes on after SIGTERM until it is asked for `/finish`; a second SIGTERM ends it with 5.
"""

import asyncio
import os
import signal
import sys

from gateway.worker import Inheritance


class StandIn:
    """What the process does until it is told to end."""

    def __init__(self, how: str) -> None:
        self._patient = how == "patient"
        self._mute = how == "mute"
        self._signals = 0
        self._reloads = 0
        self._ending: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def serve(self, inherited: Inheritance) -> int:
        """Serve, and return the exit status."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._told_to_end)
        loop.add_signal_handler(signal.SIGHUP, self._told_to_reload)
        loop.add_reader(inherited.lifeline, self._end, 0)
        async with await asyncio.start_server(self._tell, sock=inherited.public):
            if not self._mute:
                await asyncio.start_unix_server(self._agree, sock=inherited.admin)
            return await self._ending

    def _end(self, status: int) -> None:
        if not self._ending.done():
            self._ending.set_result(status)

    def _told_to_end(self) -> None:
        self._signals += 1
        if self._signals > 1:
            self._end(5)
        elif not self._patient:
            self._end(0)

    def _told_to_reload(self) -> None:
        self._reloads += 1

    async def _tell(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"%d" % os.getpid())
        writer.close()

    async def _agree(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await reader.readuntil(b"\r\n\r\n")
        if asked.startswith(b"GET /finish "):
            self._end(0)
        told = b"%d" % self._reloads if asked.startswith(b"GET /reloads ") else b"ok\n"
        writer.write(b"HTTP/1.0 200 OK\r\n\r\n" + told)
        writer.close()


async def serve(how: str) -> int:
    inherited = Inheritance.of(os.environ)
    assert inherited is not None
    return await StandIn(how).serve(inherited)


if __name__ == "__main__":
    if sys.argv[1] == "dies":
        sys.exit(3)
    sys.exit(asyncio.run(serve(sys.argv[1])))

"""A process in a worker's place, for what a gateway would not do on command. Run as a program.

It serves the sockets that it inherits as its arguments say. On the public socket it writes its process id
and closes; on the admin socket it answers every request with 200, `/reloads`, `/signals` and `/asked` with
how many SIGHUP, SIGTERM and `/livez` there were. SIGTERM ends it with 0. So does `ready`; of the others

- `mute` never answers on the admin socket, and `moody` says 503 for two of three `/livez`,
- `dies` ends with 3 at once, and `killed` by a signal,
- `patient` goes on after SIGTERM until it is asked for `/finish`; a second SIGTERM ends it with 5.
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
        self._moody = how == "moody"
        self._asked = 0
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
        self._asked += asked.startswith(b"GET /livez ")
        counts = {b"/reloads": self._reloads, b"/asked": self._asked, b"/signals": self._signals}
        told = b"%d" % counts[path] if (path := asked.split()[1]) in counts else b"ok\n"
        writer.write(b"HTTP/1.0 %s\r\n\r\n%s" % (self._mood(), told))
        writer.close()

    def _mood(self) -> bytes:
        return b"503 Not Now" if self._moody and self._asked % 3 else b"200 OK"


async def serve(how: str) -> int:
    inherited = Inheritance.of(os.environ)
    assert inherited is not None
    return await StandIn(how).serve(inherited)


if __name__ == "__main__":
    if sys.argv[1] == "dies":
        sys.exit(3)
    if sys.argv[1] == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    sys.exit(asyncio.run(serve(sys.argv[1])))

"""A process in a worker's place, for what a gateway would not do on command. Run as a program.

It serves the sockets that it inherits as its arguments say: `ready` answers every request on the admin
socket with 200, `mute` never answers there, `dies` ends with 3 at once. On the public socket it writes
its process id and closes. SIGTERM ends it with 0.
"""

import asyncio
import os
import signal
import sys

from gateway.worker import Inheritance


async def serve(how: str) -> None:
    inherited = Inheritance.of(os.environ)
    assert inherited is not None
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, asked.set)
    loop.add_reader(inherited.lifeline, asked.set)
    await asyncio.start_server(tell, sock=inherited.public)
    if how == "ready":
        await asyncio.start_unix_server(agree, sock=inherited.admin)
    await asked.wait()


async def tell(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"%d" % os.getpid())
    writer.close()


async def agree(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.0 200 OK\r\n\r\nok\n")
    writer.close()


if __name__ == "__main__":
    if sys.argv[1] == "dies":
        sys.exit(3)
    asyncio.run(serve(sys.argv[1]))

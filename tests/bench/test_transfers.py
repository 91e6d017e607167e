"""Bodies of the bench's own arrive whole, and what does not is noticed."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import sleep

import pytest

from tests.bench.load import Contender
from tests.bench.programs import Failed
from tests.bench.transfers import Transfer, upstream

SIZE = 3 * 2**20 + 17


@pytest.mark.parametrize("way", ["down", "up"])
def test_a_body_is_carried_whole(way: str, tmp_path: Path) -> None:
    with upstream(tmp_path, size=SIZE) as port:
        transfer = Transfer(
            Contender(name="direct", url=f"http://127.0.0.1:{port}/"), tmp_path / "zeros", size=SIZE
        )
        getattr(transfer, way)()
    assert transfer.moved == SIZE


async def _short(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nless")
    await writer.drain()
    writer.close()


async def _refusing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
    await writer.drain()
    writer.close()


@pytest.mark.parametrize(
    ("serve", "said"), [(_short, "carried 4 bytes of 1000"), (_refusing, "502 Bad Gateway")]
)
async def test_a_body_that_is_cut_or_refused_fails(serve, said: str, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        transfer = Transfer(
            Contender(name="proxy", url=f"http://127.0.0.1:{port}/"), tmp_path / "none", size=1000
        )
        with pytest.raises(Failed, match=said):
            await asyncio.to_thread(transfer.down)


def test_a_transfer_is_cut_from_outside(tmp_path: Path) -> None:
    size = 2**36  # far more than is carried while anybody waits
    with upstream(tmp_path, size=size) as port, ThreadPoolExecutor(1) as pool:
        place = f"http://127.0.0.1:{port}/"
        transfer = Transfer(Contender(name="direct", url=place), tmp_path / "zeros", size=size)
        fetched = pool.submit(transfer.down)
        while not transfer.moved:
            sleep(0.01)
        transfer.cut()
        with pytest.raises((Failed, OSError)):
            fetched.result()
    assert 0 < transfer.moved < size

"""A gateway started as systemd starts it, on a port that it never bound; alone, and as several workers."""

import sys
from pathlib import Path

import pytest

from tests.fakes.ports import free_port
from tests.fakes.process import gateway_process
from tests.fakes.raw_client import RawConnection, get, send_raw
from tests.fakes.upstream import RecordingUpstream

# Binds, and becomes the gateway with the socket as descriptor 3, as sd_listen_fds(3) has it.
SYSTEMD = """
import os, socket, sys
bound = socket.create_server(("127.0.0.1", int(sys.argv[1])))
os.dup2(bound.fileno(), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1", LISTEN_FDNAMES="vestibule.socket")
os.execv(sys.executable, [sys.executable, "-m", "gateway", "run", *sys.argv[2:]])
"""

UNIX = SYSTEMD.replace(
    'bound = socket.create_server(("127.0.0.1", int(sys.argv[1])))',
    "bound = socket.socket(socket.AF_UNIX); bound.bind(sys.argv[1]); bound.listen()",
)


@pytest.mark.parametrize("workers", [1, 2])
async def test_a_unix_socket_from_systemd_is_served_and_stays_systemds(tmp_path: Path, workers: int) -> None:
    place = tmp_path / "passed.sock"
    async with RecordingUpstream() as upstream:
        route = f'[[routes]]\nupstream = "{upstream.url}"\naccess = "public"\n'
        async with gateway_process(
            tmp_path,
            route,
            command=(sys.executable, "-c", UNIX, str(place)),
            environ={"GATEWAY_WORKERS": str(workers), "GATEWAY_LISTEN": f"unix:{place}"},
        ) as gateway:
            for _ in range(8):
                async with await RawConnection.open_unix(str(place)) as client:
                    await client.write(get("/page", host=f"localhost:{gateway.port}"))
                    assert (await client.answer()).status == 200
        assert len(upstream.requests) == 8
    assert place.is_socket()


@pytest.mark.parametrize("workers", [1, 2])
async def test_a_socket_from_systemd_is_served_in_the_place_of_listen(tmp_path: Path, workers: int) -> None:
    port = free_port()
    async with RecordingUpstream() as upstream:
        route = f'[[routes]]\nupstream = "{upstream.url}"\naccess = "public"\n'
        async with gateway_process(
            tmp_path,
            route,
            command=(sys.executable, "-c", SYSTEMD, str(port)),
            environ={"GATEWAY_WORKERS": str(workers)},
        ) as gateway:
            for _ in range(8):
                [answer, _] = await send_raw(
                    port, get("/page", "Connection: close", host=f"localhost:{gateway.port}")
                )
                assert answer.status == 200
            with pytest.raises(OSError, match=r"."):
                await send_raw(gateway.port, get("/", host="localhost"))
        assert len(upstream.requests) == 8

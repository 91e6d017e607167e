"""The parts start in order and stop together; a program of three lines stands in for the gateway's."""

import asyncio
import os
import signal
import socket
import sys
import time
from pathlib import Path

import aiohttp
import pytest

from gateway.demo.issuer import Client
from gateway.demo.run import DemoFailed, Plan, Port, gateway_command, refuse_taken, run, until_ready
from tests.fakes.ports import free_port, listening_socket

READY = """
import http.server, signal, sys
class Ready(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.send_header("Content-Length", "0"); self.end_headers()
    def log_message(self, *_): pass
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Ready).serve_forever()
"""


def port(part: str = "a part", number: int | None = None) -> Port:
    return Port(
        part=part, host="127.0.0.1", port=free_port() if number is None else number, key=f"{part} in x.toml"
    )


def plan(program: str = READY) -> Plan:
    app, issuer, gateway, admin = map(port, ("app", "issuer", "gateway", "admin"))
    home = f"http://localhost:{gateway.port}"
    return Plan(
        app=app,
        issuer=issuer,
        gateway=gateway,
        admin=admin,
        public_url=home,
        issuer_url=f"http://localhost:{issuer.port}",
        own_url=f"{home}/.gateway",
        audience="app",
        client=Client(id="gateway", secret="c4n4ry", redirect_uris=frozenset({f"{home}/cb"}), home=home),
        command=(sys.executable, "-c", program, str(admin.port)),
        environ={**os.environ, "DEMO_CLIENT_SECRET": "c4n4ry"},
    )


async def reachable(url: str) -> bool:
    try:
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            return answer.status == 200
    except aiohttp.ClientError:
        return False


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_all_parts_serve_until_a_signal_ends_them_together(number: signal.Signals) -> None:
    laid = plan()
    ready = asyncio.Event()
    running = asyncio.create_task(run(laid, clock=time.time, ready=ready.set))
    await asyncio.wait_for(ready.wait(), 20)
    places = [
        f"http://127.0.0.1:{laid.app.port}/public",
        f"http://127.0.0.1:{laid.issuer.port}/jwks",
        f"http://127.0.0.1:{laid.admin.port}/readyz",
    ]
    assert [await reachable(place) for place in places] == [True] * 3
    os.kill(os.getpid(), number)
    await asyncio.wait_for(running, 20)
    assert [await reachable(place) for place in places] == [False] * 3
    refuse_taken(laid.ports)


async def test_a_gateway_that_ends_by_itself_ends_the_demo() -> None:
    with pytest.raises(DemoFailed, match="status 3"):
        await run(plan("raise SystemExit(3)"), clock=time.time, ready=lambda: None)


LEAVING = f"""
import socket, subprocess, sys, time
subprocess.Popen([sys.executable, "-c", {READY!r}, sys.argv[1]])
while socket.socket().connect_ex(("127.0.0.1", int(sys.argv[1]))):
    time.sleep(0.02)
sys.exit(3)
"""


async def test_whoever_took_over_from_the_gateway_ends_with_the_demo() -> None:
    laid = plan(LEAVING)
    with pytest.raises(DemoFailed, match="status 3"):
        await run(laid, clock=time.time, ready=lambda: None)
    async with asyncio.timeout(20):
        while await reachable(f"http://127.0.0.1:{laid.admin.port}/readyz"):
            await asyncio.sleep(0.02)


async def test_a_taken_port_is_named_with_the_key_that_changes_it() -> None:
    with listening_socket() as taken:
        taken.listen()
        number = taken.getsockname()[1]
        with pytest.raises(DemoFailed) as refused:
            refuse_taken([port("free"), port("the demo issuer", number), port("its admin port", number)])
    text = str(refused.value)
    assert f"127.0.0.1:{number} (the demo issuer) is taken" in text
    assert "its admin port in x.toml" in text
    assert "free" not in text


async def test_waiting_for_the_gateway_has_an_end() -> None:
    with pytest.raises(DemoFailed, match="not ready"):
        await until_ready(port("admin"), within=0.2)


async def test_a_silent_listener_is_not_ready() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(DemoFailed, match="not ready"):
        await until_ready(port("admin", silent.getsockname()[1]), within=0.3)


def test_secrets_are_in_no_repr() -> None:
    assert "c4n4ry" not in repr(plan())


def test_the_gateway_is_started_with_this_very_interpreter() -> None:
    assert gateway_command(Path("x.toml")) == (sys.executable, "-m", "gateway", "run", "--config", "x.toml")

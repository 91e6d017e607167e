"""nginx, Caddy and this gateway side by side.

One proxy process on one core, load and upstream on the other, 330-byte answers, 32 keep-alive
connections. The gateway serves a warm, authenticated session; the others do no authentication at
all. Nobody writes an access log. All come from the distribution: nginx, Caddy, and the Python that
runs the gateway, which is built with profile-guided optimisation, as one that was compiled by hand
often is not (BENCH_PYTHON names another).
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from tests.bench.bodies import measure_bodies
from tests.bench.load import Contender, rounds_of
from tests.bench.programs import PROXY_CORE, resident, running
from tests.bench.stage import Gateway, Stage
from tests.fakes.ports import free_port

NGINX = """
worker_processes 1; daemon off; pid {folder}/nginx.pid; error_log stderr error;
events {{ worker_connections 4096; }}
http {{ access_log off; keepalive_requests 100000000;
  client_body_temp_path {folder}/n1; proxy_temp_path {folder}/n2; fastcgi_temp_path {folder}/n3;
  uwsgi_temp_path {folder}/n4; scgi_temp_path {folder}/n5;
  upstream app {{ server 127.0.0.1:{upstream}; keepalive 64; }}
  server {{ listen 127.0.0.1:{port};
    location / {{ proxy_pass http://app; proxy_http_version 1.1; proxy_set_header Connection ""; }} }} }}
"""
CADDY = """
{{
    admin off
    auto_https off
}}
http://127.0.0.1:{port} {{
    reverse_proxy 127.0.0.1:{upstream}
}}
"""


async def compare(stage: Stage, *, rounds: int, seconds: int, megabytes: int) -> dict[str, object]:
    """Return what the load gave for everybody, and what large bodies cost."""
    async with AsyncExitStack() as stack:
        contenders = [Contender(name="direct", url=f"http://127.0.0.1:{stage.upstream}/")]
        contenders.append(await _nginx(stack, stage.folder, stage.upstream))
        contenders.append(await _caddy(stack, stage.folder, stage.upstream))
        gateway = await stack.enter_async_context(stage.gateway("gateway"))
        contenders.append(await _warm(gateway))
        measured = await rounds_of(contenders, rounds=rounds, seconds=seconds)
    bodies = await measure_bodies(megabytes=megabytes, start=_body_gateway(stage), resident=resident)
    return {
        "rounds": measured.raw(),
        "median_rate": measured.rates(),
        "ratio": {
            "gateway / caddy": measured.ratio("gateway", "caddy"),
            "gateway / nginx": measured.ratio("gateway", "nginx"),
        },
        "ready_seconds": round(gateway.ready_after, 2),
        "bodies": bodies,
    }


async def _nginx(stack: AsyncExitStack, folder: Path, upstream: int) -> Contender:
    port = free_port()
    conf = folder / "nginx.conf"
    conf.write_text(NGINX.format(folder=folder, port=port, upstream=upstream))
    command = ("nginx", "-p", str(folder), "-c", str(conf))
    await stack.enter_async_context(running(PROXY_CORE, *command, port=port, log=folder / "nginx.log"))
    return Contender(name="nginx", url=f"http://127.0.0.1:{port}/")


async def _caddy(stack: AsyncExitStack, folder: Path, upstream: int) -> Contender:
    port = free_port()
    conf = folder / "Caddyfile"
    conf.write_text(CADDY.format(port=port, upstream=upstream))
    command = ("caddy", "run", "--config", str(conf), "--adapter", "caddyfile")
    environ = {"GOMAXPROCS": "1", "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    await stack.enter_async_context(
        running(PROXY_CORE, *command, port=port, log=folder / "caddy.log", environ=environ)
    )
    return Contender(name="caddy", url=f"http://127.0.0.1:{port}/")


async def _warm(gateway: Gateway) -> Contender:
    headers = (f"Cookie: {await gateway.signed_in()}", f"Host: localhost:{gateway.port}")
    return Contender(
        name=gateway.name, url=f"http://127.0.0.1:{gateway.port}/", headers=headers, pid=gateway.pid
    )


def _body_gateway(stage: Stage):  # type: ignore[no-untyped-def]
    @asynccontextmanager
    async def start_for(upstream: int) -> AsyncIterator[tuple[int, int, str]]:
        async with stage.gateway("bodies", upstream=upstream) as gateway:
            yield gateway.port, gateway.pid, await gateway.signed_in()

    return start_for

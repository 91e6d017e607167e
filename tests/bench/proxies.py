"""Proxies that decide nothing: each is one process on the proxies' core, and writes no access log."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.bench.load import Contender
from tests.bench.programs import LOAD_CORE, PROXY_CORE, ROOT, installed, running
from tests.bench.stage import Stage
from tests.fakes.ports import free_port

_NGINX = """
worker_processes {workers}; daemon off; pid {home}/nginx.pid; error_log stderr error;
worker_rlimit_nofile 16384;
events {{ worker_connections 8192; }}
http {{ access_log off; keepalive_requests 100000000;
  client_body_temp_path {home}/body; proxy_temp_path {home}/proxy; fastcgi_temp_path {home}/fastcgi;
  uwsgi_temp_path {home}/uwsgi; scgi_temp_path {home}/scgi;
  {site} }}
"""
_PLAIN = """
  upstream app {{ server 127.0.0.1:{upstream}; keepalive 64; keepalive_requests 100000000; }}
  server {{ listen 127.0.0.1:{port} reuseport;
    client_max_body_size 0; proxy_request_buffering off; proxy_max_temp_file_size 0; {buffers}
    location / {{ proxy_pass http://app; proxy_http_version 1.1; proxy_set_header Connection ""; }} }}
"""
_CADDY = """
{{
    admin off
    auto_https off
}}
http://127.0.0.1:{port} {{
    reverse_proxy 127.0.0.1:{upstream}
}}
"""


@asynccontextmanager
async def direct(stage: Stage) -> AsyncIterator[Contender]:
    """Nobody in between."""
    yield Contender(name="direct", url=f"http://127.0.0.1:{stage.upstream}/")


@asynccontextmanager
async def nginx(
    stage: Stage, *, name: str = "nginx", upstream: int = 0, buffers: str = "", workers: int = 1
) -> AsyncIterator[Contender]:
    """nginx with `proxy_pass`, which streams bodies and keeps connections; *buffers* are directives.

    Two *workers* have both cores.
    """
    port = free_port()
    site = _PLAIN.format(upstream=upstream or stage.upstream, port=port, buffers=buffers)
    async with running_nginx(stage, name, site, port=port, workers=workers) as pid:
        yield Contender(name=name, url=f"http://127.0.0.1:{port}/", pids=(pid,), workers=workers)


@asynccontextmanager
async def running_nginx(
    stage: Stage, name: str, site: str, *, port: int, workers: int = 1
) -> AsyncIterator[int]:
    """Run nginx with *site*, which listens on *port*; gives the process id of its master."""
    home = stage.folder / f"{name}-nginx".replace(" ", "-")
    home.mkdir()
    conf = home / "nginx.conf"
    conf.write_text(_NGINX.format(home=home, site=site, workers=workers))
    command = (installed("nginx"), "-p", str(home), "-e", "stderr", "-c", str(conf))
    cores = PROXY_CORE if workers == 1 else f"{PROXY_CORE},{LOAD_CORE}"
    async with running(cores, *command, port=port, log=home / "log") as pid:
        yield pid


@asynccontextmanager
async def caddy(stage: Stage, *, upstream: int = 0) -> AsyncIterator[Contender]:
    """Caddy with `reverse_proxy`, told that it has one core."""
    port = free_port()
    home = stage.folder / "caddy"
    home.mkdir()
    conf = home / "Caddyfile"
    conf.write_text(_CADDY.format(port=port, upstream=upstream or stage.upstream))
    command = (installed("caddy"), "run", "--config", str(conf), "--adapter", "caddyfile")
    environ = {"GOMAXPROCS": "1", "XDG_DATA_HOME": str(home), "XDG_CONFIG_HOME": str(home)}
    async with running(PROXY_CORE, *command, port=port, log=home / "log", environ=environ) as pid:
        yield Contender(name="caddy", url=f"http://127.0.0.1:{port}/", pids=(pid,))


@asynccontextmanager
async def aiohttp(stage: Stage) -> AsyncIterator[Contender]:
    """The proxy of plain_proxy.py, on the Python that the gateway runs on."""
    port = free_port()
    where = ("--port", str(port), "--upstream", f"http://127.0.0.1:{stage.upstream}")
    command = (stage.python, "-m", "tests.bench.plain_proxy", *where)
    environ, log = {"PYTHONPATH": str(ROOT)}, stage.folder / "aiohttp.log"
    async with running(PROXY_CORE, *command, port=port, log=log, environ=environ) as pid:
        yield Contender(name="aiohttp", url=f"http://127.0.0.1:{port}/", pids=(pid,))

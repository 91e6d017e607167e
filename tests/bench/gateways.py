"""Our own contenders: one gateway process on the proxies' core, and one session, or token, that is warm.

Behind nginx both are on that core, and nginx has the file that we ship but for TLS.
"""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from tests.bench.load import Contender
from tests.bench.programs import ROOT
from tests.bench.proxies import running_nginx
from tests.bench.stage import Plan, Stage
from tests.bench.stores import STORES
from tests.fakes.bearers import AUDIENCE, access_token
from tests.fakes.ports import free_port

SHIPPED = ROOT / "deploy" / "nginx" / "forward-auth.conf"
HOUR = 3600


@asynccontextmanager
async def stateless(stage: Stage) -> AsyncIterator[Contender]:
    """The session is the cookie."""
    async with stage.gateway("gateway") as gateway:
        yield await gateway.warm()


@asynccontextmanager
async def stateful(stage: Stage, store: str) -> AsyncIterator[Contender]:
    """The cookie names a session in *store*, and is held in process until there is news of it."""
    async with (
        STORES[store]() as kept,
        stage.gateway(f"gateway {store}", kept.plan(cache="push")) as gateway,
    ):
        yield await gateway.warm()


@asynccontextmanager
async def bearer(stage: Stage) -> AsyncIterator[Contender]:
    """A program calls with a JWT of the issuer."""
    tables = f'bearer = {{ issuer = "{stage.issuer.url}", audience = "{AUDIENCE}" }}'
    async with stage.gateway("gateway bearer", Plan(tables=tables)) as gateway:
        token = access_token(stage.issuer, sub="program", exp=int(stage.issuer.clock()) + HOUR)
        yield Contender(
            name=gateway.name,
            url=f"http://127.0.0.1:{gateway.port}/",
            headers=(f"Authorization: Bearer {token}", f"Host: localhost:{gateway.port}"),
            pids=(gateway.pid,),
        )


@asynccontextmanager
async def behind_nginx(stage: Stage) -> AsyncIterator[Contender]:
    """nginx carries the bytes and asks the gateway about each request (`auth_request`)."""
    port = free_port()
    plan = Plan(keys='trusted_proxies = ["127.0.0.1/32"]', upstream="off", public_port=port)
    async with stage.gateway("gateway behind nginx", plan) as gateway:
        site = as_shipped(port=port, gateway=gateway.port, app=stage.upstream)
        async with running_nginx(stage, gateway.name, site, port=port) as pid:
            yield replace(await gateway.warm(), pids=(gateway.pid, pid))


def as_shipped(*, port: int, gateway: int, app: int) -> str:
    """Return the file that we ship, on *port* without TLS; connections to the *app* are kept."""
    text = SHIPPED.read_text()
    text = re.sub(r"^server \{\n    listen 80;.*?^\}\n", "", text, flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"^    ssl_.*\n", "", text, flags=re.MULTILINE)
    text = text.replace("listen 443 ssl;", f"listen 127.0.0.1:{port};")
    text = text.replace("127.0.0.1:8080;", f"127.0.0.1:{gateway};")
    text = text.replace("127.0.0.1:3000;", f"127.0.0.1:{app};\n    keepalive 64;")
    return text.replace("wiki.example.com", "localhost").replace("$host;", "$http_host;")

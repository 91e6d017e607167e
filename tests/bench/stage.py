"""What every question is asked on: an upstream that does nothing, an issuer, gateways by name."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from gateway.settings.loader import load
from gateway.settings.schema import Settings
from tests.bench.load import Contender, in_turn
from tests.bench.programs import (
    LOAD_CORE,
    PROXY_CORE,
    ROOT,
    Failed,
    installed,
    interpreter,
    ready,
    running,
    start,
    stop,
)
from tests.fakes.browser import Browser
from tests.fakes.issuer import HostileIssuer
from tests.fakes.ports import free_port

BODY = "x" * 330
SQLITE = "sqlite:///gateway.db"
TAKEN = "/taken"
"""Here the upstream takes a POST's whole body in before it answers, as apps do: nginx would answer first, and
its `mirror` makes it read. Elsewhere it answers at once."""

_UPSTREAM = """
worker_processes 1; daemon off; pid {folder}/upstream.pid; error_log stderr error;
events {{ worker_connections 4096; }}
http {{ access_log off; keepalive_requests 100000000;
  client_body_temp_path {folder}/u1; proxy_temp_path {folder}/u2; fastcgi_temp_path {folder}/u3;
  uwsgi_temp_path {folder}/u4; scgi_temp_path {folder}/u5;
  server {{ listen 127.0.0.1:{port};
    location / {{ return 200 "{body}"; }}
    location = {taken} {{ root /; mirror /.mirror; log_not_found off; error_page 404 405 =200 @taken; }}
    location @taken {{ return 200 "{body}"; }}
    location = /.mirror {{ internal; return 204; }} }} }}
"""
_GATEWAY = """
public_url = "http://localhost:{public_port}"
listen = "127.0.0.1:{port}"
admin_listen = "127.0.0.1:{admin}"
secret = {{ file = "secret.key" }}
{keys}
[database]
url = "{database}"
[log]
format = "json"
level = "warning"
[[providers]]
id = "issuer"
issuer = "{issuer}"
client_id = "{client_id}"
client_secret = {{ env = "BENCH_CLIENT_SECRET" }}
[[routes]]
path = "/"
upstream = "{upstream}"
{tables}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How a gateway is to run: its database, more *keys* and *tables* of TOML, the *module* that runs it.

    *tables* begin inside the route for `/`, which leads to *upstream*: by default to the stage's.
    *cores* are those that it may use; *public_port* is that of a proxy in front of it.
    """

    database: str = SQLITE
    keys: str = ""
    upstream: str = ""
    tables: str = ""
    module: str = "gateway"
    cores: str = PROXY_CORE
    public_port: int = 0
    environ: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """A gateway that runs; *ready_after* is how many seconds after its start it said so."""

    name: str
    home: Path
    port: int
    pid: int
    ready_after: float
    issuer: HostileIssuer
    public_port: int

    @property
    def url(self) -> str:
        return f"http://localhost:{self.public_port}"

    @property
    def settings(self) -> Settings:
        environ = {"BENCH_CLIENT_SECRET": self.issuer.client_secret}
        return load(self.home / "gateway.toml", environ=environ).settings

    def browser(self) -> Browser:
        return Browser({self.url: self.public_port, self.issuer.url: int(self.issuer.url.rpartition(":")[2])})

    async def signed_in(self) -> str:
        """Sign in at the issuer and return the session as a Cookie header."""
        browser = self.browser()
        page = await browser.navigate(f"{self.url}/")
        if "csrfToken" in page.text:  # there are other ways to sign in
            fields = {"csrfToken": page.hidden("csrfToken")}
            page = await browser.submit(f"{self.url}/.gateway/signin/issuer", fields)
            page = await browser.navigate(f"{self.url}/")
        session = browser.cookies["localhost"].get("session")
        if page.status != 200 or session is None:
            raise Failed(f"the login ended with {page.status}: {page.text}")
        return f"session={session}"

    async def warm(self, name: str = "") -> Contender:
        """Return this gateway, or the proxy in front of it, under a load of one session."""
        return Contender(
            name=name or self.name,
            url=f"http://127.0.0.1:{self.public_port}/",
            headers=(f"Cookie: {await self.signed_in()}", f"Host: localhost:{self.public_port}"),
            pids=(self.pid,),
        )

    def presenting(self, cookies: list[str]) -> Contender:
        """Return this gateway under a load that presents *cookies* one after the other."""
        script = in_turn(self.home, "load", host=f"localhost:{self.port}", values=cookies)
        return Contender(
            name=self.name,
            url=f"http://127.0.0.1:{self.port}/",
            script=script,
            cookies=cookies,
            pids=(self.pid,),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A folder, the port of an upstream, an issuer, and the Python that runs gateways."""

    folder: Path
    upstream: int
    issuer: HostileIssuer
    python: str

    @asynccontextmanager
    async def gateway(
        self, name: str, plan: Plan | None = None, *, upstream: int = 0
    ) -> AsyncIterator[Gateway]:
        """Run a gateway as *plan* says until the block ends."""
        plan = plan or Plan()
        home, port, admin = self.folder / name, free_port(), free_port()
        app = plan.upstream or f"http://127.0.0.1:{upstream or self.upstream}"
        self._furnish(home, plan, port=port, admin=admin, upstream=app)
        command = (self.python, "-m", plan.module, "run", "--config", str(home / "gateway.toml"))
        secret = {"BENCH_CLIENT_SECRET": self.issuer.client_secret}
        environ = {**secret, "PYTHONPATH": str(ROOT), **plan.environ}
        process = await start(plan.cores, *command, environ=environ, log=home / "log")
        try:
            seconds = await ready(admin, process, home / "log")
            yield Gateway(
                name=name,
                home=home,
                port=port,
                pid=process.pid,
                ready_after=seconds,
                issuer=self.issuer,
                public_port=plan.public_port or port,
            )
        finally:
            await stop(process)

    def _furnish(self, home: Path, plan: Plan, *, port: int, admin: int, upstream: str) -> None:
        home.mkdir(parents=True, exist_ok=True)
        key = home / "secret.key"
        key.touch(mode=0o600)
        key.write_text(os.urandom(32).hex())
        values = {"issuer": self.issuer.url, "client_id": self.issuer.client_id}
        values |= {"database": plan.database, "keys": plan.keys, "tables": plan.tables, "upstream": upstream}
        toml = _GATEWAY.format(port=port, admin=admin, public_port=plan.public_port or port, **values)
        (home / "gateway.toml").write_text(toml)


@asynccontextmanager
async def stage(*, python: str = "") -> AsyncIterator[Stage]:
    """Set the stage in a new folder until the block ends; *python* is by default the bench's own."""
    with TemporaryDirectory(prefix="bench") as name:
        folder, port = Path(name), free_port()
        conf = folder / "upstream.conf"
        conf.write_text(_UPSTREAM.format(folder=folder, port=port, body=BODY, taken=TAKEN))
        command = (installed("nginx"), "-p", name, "-e", "stderr", "-c", str(conf))
        upstream = running(LOAD_CORE, *command, port=port, log=folder / "upstream.log")
        async with upstream, HostileIssuer() as issuer:
            yield Stage(folder=folder, upstream=port, issuer=issuer, python=python or interpreter())

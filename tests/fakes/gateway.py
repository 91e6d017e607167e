"""The whole gateway in the test's own process, over real sockets, with an injected clock.

    async with running_gateway(tmp_path, upstream=app.url, issuer=issuer) as gateway:
        browser = gateway.browser()
        page = await browser.navigate(gateway.url + "/wiki")
        gateway.audited("auth.login.success"); gateway.requests(); gateway.log

The configuration is a real `gateway.toml` read by the real loader. `public_url` defaults to
`https://app.example.com`, as if TLS ended in front: cookies are then `__Host-`; `http=True` makes
it plain http on the port itself. A second gateway on the same folder is a second node.
"""

import io
import json
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from gateway.app import Gateway
from gateway.front.limits import Limits
from gateway.observe.log import configure
from gateway.rooms import Surroundings
from gateway.settings.loader import load
from tests.fakes.browser import Browser
from tests.fakes.issuer import HostileIssuer
from tests.fakes.ports import listening_socket

# Every test of the front holds with and without the fast lane: `TEST_LANE=off pytest tests/front`.
FAST_LANE = os.environ.get("TEST_LANE") != "off"
HOST = "app.example.com"
DATABASE = "sqlite:///gateway.db"
SECRET = "only for tests: a secret that is long enough"

_TOML = """
public_url = "{public_url}"
listen = "{listen}"
admin_listen = "127.0.0.1:{admin_port}"
secret = {secret}
{top}
[database]
url = "{database}"
[log]
format = "json"
level = "debug"
{tables}
"""
_PROVIDER = """
[[providers]]
id = "issuer"
issuer = "{issuer}"
client_id = "{client_id}"
client_secret = {{ env = "ISSUER_SECRET" }}
{more}
"""
_ROUTE = """
[[routes]]
path = "/"
upstream = "{upstream}"
{more}
"""


class KeptLog(io.BytesIO):
    """The log's stream: it stays readable after it is closed."""

    def close(self) -> None:
        pass


@dataclass(slots=True, kw_only=True)
class RunningGateway:
    """A gateway that serves. `url` is its public URL, `port` where it really listens."""

    app: Gateway
    url: str
    port: int
    admin_port: int
    folder: Path
    written: KeptLog
    places: dict[str, int] = field(default_factory=dict)

    @property
    def host(self) -> str:
        return self.url.partition("://")[2]

    def browser(self) -> Browser:
        """A new browser profile that can visit the gateway and its issuer."""
        return Browser(dict(self.places))

    @property
    def log(self) -> str:
        """Everything logged so far that has been written."""
        return self.written.getvalue().decode()

    def lines(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.log.splitlines()]

    def complaints(self) -> list[dict[str, object]]:
        """The log lines that tell of something wrong."""
        return [line for line in self.lines() if line["level"] not in ("debug", "info")]

    def events(self, name: str) -> list[dict[str, object]]:
        """The log lines of one event; complete once the gateway has stopped."""
        return [line for line in self.lines() if line["event"] == name]


def provider(issuer: HostileIssuer, more: str = "") -> str:
    """The `[[providers]]` table of a fake issuer, id `issuer`."""
    return _PROVIDER.format(issuer=issuer.url, client_id=issuer.client_id, more=more)


def route(upstream: str, more: str = "") -> str:
    """A `[[routes]]` table for `/`; *more* is further keys."""
    return _ROUTE.format(upstream=upstream, more=more)


@asynccontextmanager
async def running_gateway(
    folder: Path,
    *,
    upstream: str = "",
    issuer: HostileIssuer | None = None,
    top: str = "",
    tables: str = "",
    route_keys: str = "",
    provider_keys: str = "",
    http: bool = False,
    clock: Callable[[], float] = time.time,
    secret: str = f'"{SECRET}"',
    database: str = DATABASE,
    environ: dict[str, str] | None = None,
    limits: Limits | None = None,
    fast_lane: bool | None = None,
    listen: str = "",
    workers: int = 1,
) -> AsyncIterator[RunningGateway]:
    """Start a gateway on free ports; *top* and *tables* are more TOML before and after the tables.

    With *listen* it binds that itself, and `port` is nobody's. With *workers* it takes itself for one of
    so many.
    """
    public, admin = listening_socket(), listening_socket()
    port, admin_port = public.getsockname()[1], admin.getsockname()[1]
    url = f"http://localhost:{port}" if http else f"https://{HOST}"
    parts = [provider(issuer, provider_keys)] if issuer else []
    parts += [route(upstream, route_keys)] if upstream else []
    toml = _TOML.format(
        public_url=url,
        listen=listen or f"127.0.0.1:{port}",
        admin_port=admin_port,
        secret=secret,
        database=database,
        top=top,
        tables="".join([*parts, tables]),
    )
    path = folder / f"gateway-{port}.toml"
    path.write_text(toml)
    known = {"ISSUER_SECRET": issuer.client_secret} if issuer else {}
    loaded = load(path, environ={**known, **(environ or {})})
    written = KeptLog()
    log = configure(form="json", level="debug", stream=written, clock=clock)
    app = Gateway(
        loaded.settings,
        Surroundings(
            log=log,
            clock=clock,
            limits=limits or Limits(),
            fast_lane=FAST_LANE if fast_lane is None else fast_lane,
            public_sockets=() if listen else (public,),
            admin_sockets=(admin,),
            workers=workers,
        ),
    )
    places = {url: port}
    if issuer:
        places[issuer.url] = int(issuer.url.rpartition(":")[2])
    made = RunningGateway(
        app=app, url=url, port=port, admin_port=admin_port, folder=folder, written=written, places=places
    )
    try:
        await app.start()
        yield made
    finally:
        await app.stop(drain=1.0)
        for never_served in (public, admin):  # where the start was refused, or something else was served
            never_served.close()
        log.close()
        print(*made.complaints(), sep="\n")  # shown where the test fails
        keep_for_the_canary_search(written.getvalue())


def keep_for_the_canary_search(written: bytes) -> None:
    """Leave what was logged where the search for secrets at the end of the run reads it."""
    folder = os.environ.get("VESTIBULE_TEST_LOGS")
    if folder:
        name = f"{os.getpid()}-{time.monotonic_ns()}.log"
        Path(folder, name).write_bytes(written)

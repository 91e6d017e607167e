"""A gateway between a fake issuer and a recording app, on a clock that stands still.

async with scene(tmp_path) as at:
    alice = await at.signed_in()              # a browser after the whole login
    at.clock.advance(600)
    page = await alice.fetch(at.url + "/x")
    seen(at.app.requests[-1], "X-User-Id")    # what the app received
    async with at.node() as second: ...       # another node: same folder, same secret
    async with at.store() as store: ...       # as an administrator at the command line
"""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from gateway.keys.keyring import KeyRing
from gateway.store.database import Database
from tests.fakes.browser import Browser, Page
from tests.fakes.clock import FakeClock
from tests.fakes.databases import made_in
from tests.fakes.gateway import HOST, SECRET, RunningGateway, running_gateway
from tests.fakes.issuer import HostileIssuer
from tests.fakes.raw_client import RawAnswer, RawConnection
from tests.fakes.upstream import RecordingUpstream

COOKIE = "__Host-session"
PREFIX = "/.gateway"
MONTH = 2_592_000


@dataclass(slots=True)
class DomainBrowser(Browser):
    """A browser that knows the `Domain` of cookies, for all hosts that it may visit."""

    def _keep(self, host: str, page: Page, *, secure: bool) -> None:
        Browser._keep(self, host, page, secure=secure)
        for line in page.set_cookies:
            pair, *attributes = [part.strip() for part in line.split(";")]
            named = dict(attribute.lower().partition("=")[::2] for attribute in attributes)
            name, _, value = pair.partition("=")
            for other in {urlsplit(place).hostname or "" for place in self.places} - {host}:
                domain = named.get("domain")
                if domain is not None and (other == domain or other.endswith(f".{domain}")):
                    jar = self.cookies.setdefault(other, {})
                    jar.pop(name, None)
                    if named.get("max-age") != "0":
                        jar[name] = value


@dataclass(slots=True, kw_only=True)
class Scene:
    """Everything of one test; `gate` is the first node, `url` its public URL."""

    folder: Path
    clock: FakeClock
    issuer: HostileIssuer
    app: RecordingUpstream
    gate: RunningGateway
    keys: dict[str, Any] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return self.gate.url

    @property
    def ours(self) -> str:
        return self.gate.url + PREFIX

    async def signed_in(
        self, user: str = "alice", path: str = "/", *, browser: Browser | None = None, gate: str = ""
    ) -> Browser:
        """Return a browser in which *user* signed in on the way to *path*."""
        self.issuer.user = user
        browser = browser or self.gate.browser()
        page = await browser.navigate((gate or self.url) + path)
        if page.status >= 400:
            await asyncio.sleep(0.2)  # until the log is written
            raise AssertionError(f"{page.status} at {page.url}: {self.gate.complaints()}")
        return browser

    async def departed(self, browser: Browser, path: str = "/") -> str:
        """Start a login in *browser* and return the callback URL with which it would come back."""
        page = await browser.navigate(f"{self.ours}/signin?return_to={path}", follow=False)
        return self.issuer.consent(page.location)

    @asynccontextmanager
    async def node(self, *, clock: FakeClock | None = None, **keys: Any) -> AsyncIterator[RunningGateway]:
        """Start another node on the same folder; *keys* replace those of the first."""
        chosen = {**self.keys, **keys}
        clock = clock or self.clock
        async with running_gateway(
            self.folder, upstream=self.app.url, issuer=self.issuer, clock=clock, **chosen
        ) as gate:
            yield gate

    def visits(self, browser: Browser, gate: RunningGateway) -> None:
        """Let *browser* reach the public URL by way of *gate* from now on."""
        browser.places[self.url] = gate.port

    @asynccontextmanager
    async def store(self) -> AsyncIterator[Database]:
        """Open the database beside the gateway, as the command line does."""
        url = self.keys.get("database", f"sqlite:///{self.folder}/gateway.db")
        database = await Database.open(url, clock=self.clock)
        try:
            yield database
        finally:
            await database.close()

    async def user_id(self, email: str = "alice@example.com") -> str:
        async with self.store() as store:
            user = await store.users.find(email)
        if user is None:
            raise AssertionError(f"no user {email}")
        return user.id

    async def session_of(self, browser: Browser) -> Any:
        """Return what `/session` says, without renewing anything."""
        page = await browser.fetch(f"{self.ours}/session?peek=1")
        if page.status != 200:
            raise AssertionError(f"{page.status}: {page.text}")
        return json.loads(page.text)

    async def csrf(self, browser: Browser, *, root: str = "") -> str:
        page = await browser.fetch(f"{root or self.ours}/csrf")
        token: str = json.loads(page.text)["csrfToken"]
        return token

    async def signed_out(self, browser: Browser, **fields: str) -> Page:
        """Sign *browser* out by the form; return the answer."""
        sent = {"csrfToken": await self.csrf(browser), **fields}
        return await browser.submit(f"{self.ours}/signout", sent, follow=False)

    def claims(self, browser: Browser, *, secret: str = SECRET) -> dict[str, Any]:
        """Return the claims inside the session cookie of *browser*, which is of one piece."""
        return self.opened(browser.cookies[HOST][COOKIE], secret=secret)

    def opened(self, value: str, *, secret: str = SECRET) -> dict[str, Any]:
        sealer = KeyRing([secret.encode()], scope=self.url).sealer("session")
        claims: dict[str, Any] = json.loads(sealer.open(value))
        return claims

    def sealed(self, claims: dict[str, Any], *, secret: str = SECRET) -> str:
        """Return a cookie value with exactly these *claims*, under our own key."""
        payload = json.dumps(claims, separators=(",", ":"), ensure_ascii=False).encode()
        return KeyRing([secret.encode()], scope=self.url).sealer("session").seal(payload)

    async def raw(self, data: bytes, *, gate: RunningGateway | None = None) -> RawAnswer:
        """Send exact bytes and read one answer."""
        async with await RawConnection.open((gate or self.gate).port) as connection:
            await connection.write(data)
            return await connection.answer()


@asynccontextmanager
async def scene(
    folder: Path, *, issued_by: type[HostileIssuer] = HostileIssuer, **keys: Any
) -> AsyncIterator[Scene]:
    """Start issuer, app and gateway; *keys* are those of `running_gateway`.

    `{app}` and `{issuer}` in the tables stand for their URLs.
    """
    clock = FakeClock()
    made_in(folder)
    async with issued_by(clock=clock) as issuer, RecordingUpstream() as app:
        keys["tables"] = keys.get("tables", "").replace("{app}", app.url).replace("{issuer}", issuer.url)
        async with running_gateway(folder, upstream=app.url, issuer=issuer, clock=clock, **keys) as gate:
            yield Scene(folder=folder, clock=clock, issuer=issuer, app=app, gate=gate, keys=keys)


def second_provider(issuer: HostileIssuer, more: str = "") -> str:
    """The `[[providers]]` table of another fake issuer, id `second`."""
    return f"""
[[providers]]
id = "second"
issuer = "{issuer.url}"
client_id = "{issuer.client_id}"
client_secret = {{ env = "ISSUER_SECRET" }}
{more}
"""


def seen(request: bytes, name: str) -> list[str]:
    """Return every value of the header *name* in a request that the app received."""
    head = request.partition(b"\r\n\r\n")[0].decode("latin-1")
    pairs = (line.partition(":") for line in head.split("\r\n")[1:])
    return [value.strip() for key, _, value in pairs if key.lower() == name.lower()]


def told(request: bytes) -> dict[str, Any]:
    """Return the claims of the assertion in a request, unverified."""
    payload = seen(request, "X-Gateway-Assertion")[0].split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return claims


def attributes(line: str) -> dict[str, str]:
    """Return a Set-Cookie line's attributes by lower-case name, flags as empty strings."""
    return dict(part.strip().lower().partition("=")[::2] for part in line.split(";")[1:])


def ours_in(page: Page, name: str = COOKIE) -> list[str]:
    """Return the Set-Cookie lines of *page* that are about the cookie *name*."""
    return [line for line in page.set_cookies if line.partition("=")[0] == name]

"""npm `oidc-provider` as a process of its own: an issuer that nobody here wrote."""

import asyncio
import json
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from html import unescape
from pathlib import Path

from tests.fakes.browser import Browser, Page
from tests.fakes.ports import free_port

FOLDER = Path(__file__).parents[1] / "parts" / "issuer"
CLIENT_SECRET = "a secret between the test and its issuer"


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignIssuer:
    url: str
    port: int
    client_id: str = "gateway"
    client_secret: str = CLIENT_SECRET

    async def sign_in(self, browser: Browser, page: Page, login: str) -> Page:
        """Fill in the issuer's own login and consent pages until the browser is back."""
        for _ in range(4):
            form = re.search(r'<form[^>]*action="([^"]+)"', page.text)
            if not page.url.startswith(self.url) or form is None or "Submitting Callback" in page.text:
                return page
            prompt = re.search(r'name="prompt" value="(\w+)"', page.text)
            fields = {"prompt": prompt[1] if prompt else "login", "login": login, "password": "any"}
            page = await browser.submit(unescape(form[1]), fields)
        return page

    async def send_back(self, browser: Browser, page: Page) -> Page:
        """Do what the issuer's script does on *page*: submit its form to the gateway, from here."""
        form = re.search(r'<form method="post" action="([^"]+)"', page.text)
        assert form, page.text
        fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', page.text))
        sent = {name: unescape(value) for name, value in fields.items()}
        return await browser.submit(unescape(form[1]), sent, origin=self.url)


@asynccontextmanager
async def foreign_issuer(
    redirect_uri: str, *, port: int = 0, more: dict[str, object] | None = None
) -> AsyncIterator[ForeignIssuer]:
    """Start the issuer on a loopback port, a free one by default; it ends with the block, by its process id.

    *more* are further settings of `issuer.mjs`: `client` is laid over our registration there, `features`
    and `more` over its configuration.
    """
    node = shutil.which("node")
    assert node, "node is not installed"
    port = port or free_port()
    settings = {"port": port, "redirectUris": [redirect_uri], "clientSecret": CLIENT_SECRET, **(more or {})}
    process = await asyncio.create_subprocess_exec(
        node,
        "issuer.mjs",
        json.dumps(settings),
        cwd=FOLDER,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(30):
            line = await process.stdout.readline()
        assert line.startswith(b"listening"), line
        yield ForeignIssuer(url=f"http://localhost:{port}", port=port)
    finally:
        process.terminate()
        await process.wait()

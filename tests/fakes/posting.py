"""An issuer that answers by a form, which its page sends by itself, and a browser that lets it.

    async with posting_scene(tmp_path) as at:
        browser = at.gate.browser()        # sends such forms as Chromium would

`prompt=none` is answered with `login_required`.
"""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, fields
from html import escape, unescape
from pathlib import Path
from urllib.parse import urlsplit

from aiohttp import web

from tests.fakes.browser import Browser, Page
from tests.fakes.gateway import RunningGateway
from tests.fakes.issuer import HostileIssuer
from tests.fakes.scene import Scene, scene

_FORM = re.compile(r'<body onload="document\.forms\[0\]\.submit\(\)"><form method="post" action="([^"]+)">')
_FIELD = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)">')


class PostingIssuer(HostileIssuer):
    """See the module."""

    async def _authorize(self, request: web.Request) -> web.StreamResponse:
        asked = dict(request.query)
        try:
            if asked.get("response_mode") != "form_post":
                raise ValueError("response_mode")
            self._check_request(asked)
        except ValueError as error:
            return web.Response(status=400, text=str(error))
        inputs = "".join(
            f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
            for name, value in self._response(asked)
        )
        opening = '<body onload="document.forms[0].submit()">'
        form = f'<form method="post" action="{escape(asked["redirect_uri"])}">{inputs}</form>'
        return web.Response(text=f"<!doctype html>{opening}{form}", content_type="text/html")

    def _response(self, asked: dict[str, str]) -> list[tuple[str, str]]:
        pairs = super()._response(asked)
        if asked.get("prompt") != "none":
            return pairs
        return [*(pair for pair in pairs if pair[0] != "code"), ("error", "login_required")]


@dataclass(slots=True)
class FormBrowser(Browser):
    """A browser in which pages send their forms by themselves."""

    async def navigate(self, url: str, *, follow: bool = True, **headers: str) -> Page:
        page = await Browser.navigate(self, url, follow=follow, **headers)
        form = _FORM.search(page.text)
        if form is None or not follow:
            return page
        sent = {unescape(name): unescape(value) for name, value in _FIELD.findall(page.text)}
        parts = urlsplit(page.url)
        return await self.submit(unescape(form[1]), sent, origin=f"{parts.scheme}://{parts.netloc}")


@dataclass(slots=True, kw_only=True)
class FormGateway(RunningGateway):
    """A gateway whose visitors use such browsers."""

    def browser(self) -> Browser:
        return FormBrowser(dict(self.places))


@asynccontextmanager
async def posting_scene(folder: Path) -> AsyncIterator[Scene]:
    """Start a scene in which the issuer answers by forms."""
    async with scene(folder, issued_by=PostingIssuer, provider_keys='response_mode = "form_post"') as at:
        at.gate = FormGateway(**{each.name: getattr(at.gate, each.name) for each in fields(at.gate)})
        yield at

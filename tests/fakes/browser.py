"""A browser in the small: a cookie jar that enforces prefixes, redirects, and named origins.

`places` maps the origins that it may visit to loopback ports, so that a test can sign in at
`https://app.example.com` while the gateway listens on a free port. TLS is spoken with the origins in
`tls`; elsewhere it is as if it ended in front.
"""

import re
from dataclasses import dataclass, field
from html import unescape
from ssl import SSLContext
from urllib.parse import urlencode, urljoin, urlsplit

from tests.fakes.raw_client import RawAnswer, RawConnection

HTML = "text/html,application/xhtml+xml,*/*;q=0.8"


@dataclass(slots=True)
class Page:
    """An answer and the URL that it came from."""

    url: str
    answer: RawAnswer

    @property
    def status(self) -> int:
        return self.answer.status

    @property
    def text(self) -> str:
        return self.answer.body.decode()

    @property
    def location(self) -> str:
        return urljoin(self.url, self.answer.values("location")[0].decode())

    @property
    def set_cookies(self) -> list[str]:
        return [line.decode() for line in self.answer.values("set-cookie")]

    def hidden(self, name: str) -> str:
        """The value of a hidden form field."""
        found = re.search(rf'name="{re.escape(name)}"[^>]*value="([^"]*)"', self.text)
        assert found, f"no field {name} in {self.text}"
        return unescape(found[1])


@dataclass(slots=True)
class Browser:
    """One browser profile; `cookies` maps an origin's host to its cookies."""

    places: dict[str, int]
    cookies: dict[str, dict[str, str]] = field(default_factory=dict)
    visited: list[str] = field(default_factory=list)
    tls: dict[str, SSLContext] = field(default_factory=dict)
    for_others: set[tuple[str, str]] = field(default_factory=set)

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: dict[str, str] | None = None,
        body: bytes | None = None,
        follow: bool = True,
    ) -> Page:
        """Make one request, then follow redirects as a browser does (at most ten)."""
        for _ in range(10):
            page = await self._once(method, url, headers or {}, body)
            if not follow or page.status not in (301, 302, 303, 307, 308):
                return page
            url, method, body = page.location, "GET", None
        raise AssertionError(f"a redirect loop: {self.visited[-10:]}")

    async def navigate(self, url: str, *, follow: bool = True, **headers: str) -> Page:
        """Type *url* into the address bar."""
        extra = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {"Accept": HTML, "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document", **extra}
        return await self.request("GET", url, headers=sent, follow=follow)

    async def fetch(self, url: str, method: str = "GET", **headers: str) -> Page:
        """What a script's `fetch` does."""
        extra = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {"Accept": "*/*", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Site": "same-origin", **extra}
        return await self.request(method, url, headers=sent, follow=False)

    async def submit(
        self, url: str, fields: dict[str, str], *, follow: bool = True, origin: str | None = None
    ) -> Page:
        """Submit a form by POST. From another *origin*, only cookies with `SameSite=None` go along."""
        sent = {
            "Accept": HTML,
            "Content-Type": "application/x-www-form-urlencoded",
            "Origin": origin or self._origin(url),
            "Sec-Fetch-Mode": "navigate",
            "Sec-Fetch-Site": "cross-site" if origin else "same-origin",
        }
        return await self.request("POST", url, headers=sent, body=urlencode(fields).encode(), follow=follow)

    def cookie(self, url: str, name: str) -> str | None:
        return self.cookies.get(urlsplit(url).hostname or "", {}).get(name)

    async def _once(self, method: str, url: str, headers: dict[str, str], body: bytes | None) -> Page:
        self.visited.append(url)
        parts = urlsplit(url)
        target = parts.path or "/"
        if parts.query:
            target += f"?{parts.query}"
        lines = [f"{method} {target} HTTP/1.1", f"Host: {parts.netloc}", "Connection: close"]
        lines += [f"{name}: {value}" for name, value in headers.items() if name.lower() != "cookie"]
        across = method == "POST" and headers.get("Sec-Fetch-Site") == "cross-site"
        kept = [
            f"{name}={value}"
            for name, value in self.cookies.get(parts.hostname or "", {}).items()
            if not across or (parts.hostname, name) in self.for_others
        ]
        kept += [value for name, value in headers.items() if name.lower() == "cookie"]
        if kept:
            lines.append(f"Cookie: {'; '.join(kept)}")
        if body is not None:
            lines.append(f"Content-Length: {len(body)}")
        raw = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + (body or b"")
        origin = self._origin(url)
        tls = self.tls.get(origin)
        name = parts.hostname if tls else None
        async with await RawConnection.open(self.places[origin], tls=tls, name=name) as connection:
            await connection.write(raw)
            page = Page(url, await connection.answer(head_only=method == "HEAD"))
        self._keep(parts.hostname or "", page, secure=parts.scheme == "https")
        return page

    def _origin(self, url: str) -> str:
        parts = urlsplit(url)
        return f"{parts.scheme}://{parts.netloc}"

    def _keep(self, host: str, page: Page, *, secure: bool) -> None:
        jar = self.cookies.setdefault(host, {})
        for line in page.set_cookies:
            pair, *attributes = [part.strip() for part in line.split(";")]
            name, _, value = pair.partition("=")
            flags = {attribute.partition("=")[0].lower(): attribute for attribute in attributes}
            assert len(line) <= 4096, f"a browser drops this cookie: {len(line)} bytes"
            cleared = flags.get("max-age") == "Max-Age=0"
            if name.startswith("__Host-") and not cleared:
                assert "secure" in flags, line
                assert "domain" not in flags, line
                assert flags.get("path") == "Path=/", line
            assert secure or cleared or "secure" not in flags, f"not kept on plain http: {line}"
            if cleared:
                jar.pop(name, None)
            else:
                jar[name] = value
                known = (
                    self.for_others.add
                    if flags.get("samesite") == "SameSite=None"
                    else self.for_others.discard
                )
                known((host, name))

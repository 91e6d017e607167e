"""Apache with mod_auth_openidc, and somebody who has signed in there at the stage's issuer.

One child process with threads on the proxies' core, connections to the upstream kept, no access log. The
session is in the module's own cookie, or in shared memory. What it tells the app is its default: a header for
each claim. Its inactivity timeout is longer than any bench, since a load takes no new cookies.
"""

import os
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.bench.load import Contender
from tests.bench.programs import PROXY_CORE, Failed, installed, running
from tests.bench.stage import Stage
from tests.fakes.browser import Browser
from tests.fakes.issuer import HostileIssuer
from tests.fakes.ports import free_port

SECRET = "what Apache and the issuer agreed on"
SESSION = "mod_auth_openidc_session"
MODULES = ("/usr/lib/apache2/modules", "/usr/lib64/httpd/modules", "/usr/lib/httpd/modules")
_LOADED = ("mpm_event", "authn_core", "authz_core", "authz_user", "proxy", "proxy_http", "auth_openidc")
_APACHE = """
ServerRoot {home}
ServerName localhost
Listen 127.0.0.1:{port}
PidFile {home}/pid
DefaultRuntimeDir {home}
Mutex sem default
{user}
{modules}
LogLevel warn
ErrorLog /dev/stderr
StartServers 1
ServerLimit 1
ThreadLimit 64
ThreadsPerChild 64
MaxRequestWorkers 64
MinSpareThreads 1
MaxSpareThreads 64
KeepAlive On
MaxKeepAliveRequests 0
KeepAliveTimeout 60
ProxyPass / http://127.0.0.1:{upstream}/ keepalive=On
OIDCProviderMetadataURL {issuer}/.well-known/openid-configuration
OIDCClientID {client_id}
OIDCClientSecret "{secret}"
OIDCRedirectURI http://localhost:{port}/signed-in
OIDCCryptoPassphrase {passphrase}
OIDCScope "openid email profile"
OIDCPKCEMethod S256
OIDCSessionType {session}
OIDCCacheType shm
OIDCSessionInactivityTimeout 86400
<Location />
  AuthType openid-connect
  Require valid-user
</Location>
"""


class ForApache(HostileIssuer):
    """The issuer, content with the module's state of 20 bytes."""

    shortest = 27


@asynccontextmanager
async def in_cookie(stage: Stage) -> AsyncIterator[Contender]:
    """The session is the cookie."""
    async with _apache(stage, "openidc cookie", session="client-cookie") as contender:
        yield contender


@asynccontextmanager
async def in_shared_memory(stage: Stage) -> AsyncIterator[Contender]:
    """The cookie names a session that is kept in memory which its processes share."""
    async with _apache(stage, "openidc shared memory", session="server-cache") as contender:
        yield contender


@asynccontextmanager
async def _apache(stage: Stage, name: str, *, session: str) -> AsyncIterator[Contender]:
    program, modules = installed("apache2", "httpd"), _modules()
    port, home = free_port(), stage.folder / name.replace(" ", "-")
    home.mkdir()
    async with ForApache(client_secret=SECRET) as issuer:
        conf = home / "apache.conf"
        conf.write_text(
            _APACHE.format(
                home=home,
                port=port,
                upstream=stage.upstream,
                user="User #65534\nGroup #65534" if os.geteuid() == 0 else "",
                modules="\n".join(f"LoadModule {each}_module {modules}/mod_{each}.so" for each in _LOADED),
                issuer=issuer.url,
                client_id=issuer.client_id,
                secret=SECRET,
                passphrase=secrets.token_hex(16),
                session=session,
            )
        )
        command = (program, "-d", str(home), "-f", str(conf), "-D", "FOREGROUND")
        async with running(PROXY_CORE, *command, port=port, log=home / "log") as pid:
            cookies = await _signed_in(port, issuer, home / "log")
            headers = (f"Cookie: {cookies}", f"Host: localhost:{port}")
            yield Contender(name=name, url=f"http://127.0.0.1:{port}/", headers=headers, pids=(pid,))


def _modules() -> Path:
    for folder in map(Path, MODULES):
        if (folder / "mod_auth_openidc.so").exists():
            return folder
    raise Failed("mod_auth_openidc is not installed")


async def _signed_in(port: int, issuer: HostileIssuer, log: Path) -> str:
    """Sign in as a browser does, and return the session as the value of a Cookie header."""
    url = f"http://localhost:{port}"
    browser = Browser({url: port, issuer.url: int(issuer.url.rpartition(":")[2])})
    page = await browser.navigate(f"{url}/")
    kept = [
        f"{name}={value}"
        for name, value in browser.cookies.get("localhost", {}).items()
        if name.startswith(SESSION)
    ]
    if page.status != 200 or not kept or not issuer.seen["token"]:
        raise Failed(f"the login at Apache ended with {page.status}: {page.text}\n{log.read_text()}")
    return "; ".join(kept)

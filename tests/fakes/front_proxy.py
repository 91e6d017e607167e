"""A real proxy in front of the gateway, from a file that we ship: only addresses and names differ.

    async with nginx(tmp_path, needs("nginx"), SHIPPED, ports={8080: gateway.port, 3000: app.port}) as proxy:
        browser = proxy.browser(gateway)

TLS is real: a browser of the proxy trusts the test's own authority.
"""

import asyncio
import os
import re
import ssl
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import trustme

from tests.fakes.browser import Browser
from tests.fakes.gateway import HOST, RunningGateway
from tests.fakes.ports import free_port
from tests.fakes.raw_client import RawConnection

DEPLOY = Path(__file__).parents[2] / "deploy"
PATIENCE = 40.0
_NGINX = """
{user}
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/site.conf;
}}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontProxy:
    """`port` is where it speaks TLS, `trust` what its clients go by."""

    port: int
    trust: ssl.SSLContext
    written: Path

    def browser(self, gateway: RunningGateway) -> Browser:
        """Return a browser that reaches the gateway's public URL through the proxy."""
        return Browser({**gateway.places, gateway.url: self.port}, tls={gateway.url: self.trust})

    async def open(self) -> RawConnection:
        return await RawConnection.open(self.port, tls=self.trust, name=HOST)


@asynccontextmanager
async def nginx(
    folder: Path, program: str, shipped: Path, *, ports: Mapping[int, int]
) -> AsyncIterator[FrontProxy]:
    """Run nginx with *shipped*; *ports* says what stands for the file's."""
    certificate, key, trust = _certified(folder)
    port = free_port()
    text = _moved(shipped.read_text(), {80: free_port(), **ports})
    text = re.sub(r"listen (\d+);", r"listen 127.0.0.1:\1;", text)
    text = text.replace("listen 443 ssl;", f"listen 127.0.0.1:{port} ssl;")
    text = re.sub(r"ssl_certificate .*;", f"ssl_certificate {certificate};", text)
    text = re.sub(r"ssl_certificate_key .*;", f"ssl_certificate_key {key};", text)
    (folder / "site.conf").write_text(text)
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(_NGINX.format(folder=folder, user=user))
    command = (program, "-p", str(folder), "-e", str(folder / "error.log"), "-c", str(folder / "nginx.conf"))
    async with _running(folder, command, port=port):
        yield FrontProxy(port=port, trust=trust, written=folder / "error.log")


@asynccontextmanager
async def caddy(
    folder: Path, program: str, shipped: Path, *, ports: Mapping[int, int]
) -> AsyncIterator[FrontProxy]:
    """Run Caddy with *shipped*; *ports* says what stands for the file's."""
    certificate, key, trust = _certified(folder)
    port = free_port()
    text = _moved(shipped.read_text(), ports)
    site = f"https://{HOST}:{port} {{\n\tbind 127.0.0.1\n\ttls {certificate} {key}\n"
    text = text.replace(f"\n{HOST} {{\n", f"\n{site}")
    config = folder / "Caddyfile"
    config.write_text(f"{{\n\tadmin off\n\tauto_https off\n}}\n{text}")
    command = (program, "run", "--config", str(config), "--adapter", "caddyfile")
    home = {"HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    async with _running(folder, command, port=port, environ=home):
        yield FrontProxy(port=port, trust=trust, written=folder / "proxy.out")


def _moved(text: str, ports: Mapping[int, int]) -> str:
    """Return *text* with each address of the gateway and the app where the test has it, and our host."""
    for written, real in ports.items():
        text = re.sub(rf"127\.0\.0\.1:{written}\b", f"127.0.0.1:{real}", text)
        text = text.replace(f"listen {written};", f"listen {real};")
    return text.replace("wiki.example.com", HOST)


def _certified(folder: Path) -> tuple[Path, Path, ssl.SSLContext]:
    authority = trustme.CA()
    ours = authority.issue_cert(HOST)
    certificate, key = folder / "proxy.pem", folder / "proxy.key"
    ours.cert_chain_pems[0].write_to_path(certificate)
    ours.private_key_pem.write_to_path(key)
    trust = ssl.create_default_context()
    authority.configure_trust(trust)
    return certificate, key, trust


@asynccontextmanager
async def _running(
    folder: Path, command: Sequence[str], *, port: int, environ: Mapping[str, str] | None = None
) -> AsyncIterator[None]:
    with (folder / "proxy.out").open("wb") as out:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=DEVNULL, stdout=out, stderr=out, env={**os.environ, **(environ or {})}
        )
    try:
        async with asyncio.timeout(PATIENCE):
            await _listens(port, process, folder / "proxy.out")
        yield
    finally:
        if process.returncode is None:
            process.terminate()
        async with asyncio.timeout(PATIENCE):
            await process.wait()


async def _listens(port: int, process: Process, out: Path) -> None:
    while process.returncode is None:
        with suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"the proxy does not start: {out.read_text()}")

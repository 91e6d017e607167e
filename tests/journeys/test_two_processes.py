"""Two gateway processes on one store: what ends at one is refused by the other, under load."""

import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.fakes.gateway import provider, route
from tests.fakes.hammers import hammering
from tests.fakes.issuer import HostileIssuer
from tests.fakes.keepings import keeping
from tests.fakes.process import GatewayProcess
from tests.fakes.raw_client import get
from tests.fakes.upstream import RecordingUpstream


@asynccontextmanager
async def two_processes(
    folder: Path, tables: str, environ: dict[str, str], *, database: str
) -> AsyncIterator[tuple[GatewayProcess, GatewayProcess]]:
    """Run two gateways with one public URL, one secret and one database."""
    pair = []
    for name in ("one", "two"):
        (folder / name).mkdir()
        pair.append(GatewayProcess(folder=folder / name, environ=environ))
    first, second = pair
    first.configure(tables)
    shared = first.config.read_text().replace("sqlite:///gateway.db", database)
    first.config.write_text(shared)
    elsewhere = shared.replace(f'"127.0.0.1:{first.port}"', f'"127.0.0.1:{second.port}"')
    second.config.write_text(elsewhere.replace(f":{first.admin_port}", f":{second.admin_port}"))
    try:
        for gateway in pair:
            await gateway.start()
            await gateway.until_ready()
        yield first, second
    finally:
        for gateway in pair:
            if gateway.process is not None and gateway.process.returncode is None:
                gateway.signal()
                await gateway.ended()


# How nodes hear of an end through each kind of store is the contract's to show, in one process. What only
# two processes show: locks of a file are a process's, and a server serves both.
@pytest.mark.parametrize("name", ["sqlite push", "sqlite off", "postgres push", "redis push"])
async def test_B064_B110_S20_two_processes_refuse_what_one_has_ended(
    tmp_path: Path, needs: Callable[[str], str], name: str
) -> None:
    if name.startswith("redis"):
        needs("redis-server")
    if name.startswith("postgres"):
        needs("postgres")
    async with HostileIssuer() as issuer, RecordingUpstream() as app, keeping(name, tmp_path) as kept:
        tables = kept.tables() + "\n" + provider(issuer) + route(app.url)
        environ = {"ISSUER_SECRET": issuer.client_secret}
        database = kept.postgres.url if kept.postgres else f"sqlite:///{tmp_path}/gateway.db"
        async with two_processes(tmp_path, tables, environ, database=database) as (first, second):
            first.places[issuer.url] = int(issuer.url.rpartition(":")[2])
            alice = first.browser()
            assert (await alice.navigate(first.url + "/")).status == 200
            head = f"Cookie: session={alice.cookie(first.url, 'session')}"
            asked = {
                gateway.port: get("/x", head, host=f"localhost:{first.port}") for gateway in (first, second)
            }
            async with hammering(asked) as hammers:
                csrf = json.loads((await alice.fetch(f"{first.url}/.gateway/csrf")).text)["csrfToken"]
                fields = {"csrfToken": csrf}
                left = await alice.submit(f"{first.url}/.gateway/signout", fields, follow=False)
                hammers.ended_at = time.monotonic()
                assert left.status == 303
            assert hammers.late(first.port, allowed=0.0) == []
            assert hammers.late(second.port, allowed=0.05 if kept.pushed else 0.0) == []

"""Two workers of one gateway: what ends at one of them is refused by both, under load."""

import json
import time
from pathlib import Path

import pytest

from tests.fakes.gateway import provider, route
from tests.fakes.hammers import hammering
from tests.fakes.issuer import HostileIssuer
from tests.fakes.keepings import keeping
from tests.fakes.process import gateway_process
from tests.fakes.raw_client import get
from tests.fakes.upstream import RecordingUpstream

CONNECTIONS = 12
"""So many that the system hands some to either worker."""


@pytest.mark.parametrize("name", ["sqlite push", "sqlite off"])
async def test_B064_B066_B110_S20_two_workers_refuse_what_one_has_ended(tmp_path: Path, name: str) -> None:
    async with HostileIssuer() as issuer, RecordingUpstream() as app, keeping(name, tmp_path) as kept:
        tables = kept.tables() + "\n" + provider(issuer) + route(app.url)
        environ = {"ISSUER_SECRET": issuer.client_secret, "GATEWAY_WORKERS": "2"}
        async with gateway_process(tmp_path, tables, environ=environ) as gateway:
            gateway.places[issuer.url] = int(issuer.url.rpartition(":")[2])
            alice = gateway.browser()
            assert (await alice.navigate(gateway.url + "/")).status == 200
            head = f"Cookie: session={alice.cookie(gateway.url, 'session')}"
            asked = {gateway.port: get("/x", head, host=f"localhost:{gateway.port}")}
            async with hammering(asked, connections=CONNECTIONS) as hammers:
                csrf = json.loads((await alice.fetch(f"{gateway.url}/.gateway/csrf")).text)["csrfToken"]
                left = await alice.submit(
                    f"{gateway.url}/.gateway/signout", {"csrfToken": csrf}, follow=False
                )
                hammers.ended_at = time.monotonic()
                assert left.status == 303
            assert hammers.late(gateway.port, allowed=0.05 if kept.pushed else 0.0) == []

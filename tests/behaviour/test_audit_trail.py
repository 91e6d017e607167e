"""BEHAVIOUR 144, 145 and ATTACKS D10 over sockets: the audit trail, and what its failures touch."""

import asyncio
import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.errors import StoreUnavailable
from gateway.model.event import AuditEntry
from gateway.store.audit import AuditTrail
from tests.fakes.databases import opened, raw
from tests.fakes.gateway import HOST
from tests.fakes.issuer import HostileIssuer
from tests.fakes.raw_client import RawConnection, get
from tests.fakes.scene import COOKIE, PREFIX, Scene, scene, second_provider


async def entries(folder: Path, event: str = "") -> tuple[AuditEntry, ...]:
    async with opened(folder) as database:
        return await database.audit.entries(event=event, limit=1000)


async def metric(at: Scene, name: str) -> float:
    async with await RawConnection.open(at.gate.admin_port) as connection:
        await connection.write(get("/metrics", "Connection: close", host="localhost"))
        text = (await connection.answer()).body.decode()
    values = [float(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith(name + "{")]
    return sum(values)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0.01)


async def test_B144_the_trail_holds_what_the_log_holds_and_no_secret(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        alice = await at.signed_in()
        secrets = {alice.cookies[HOST][COOKIE], at.claims(alice)["sid"]}
        user_id = await at.user_id()
        at.clock.advance(600)
        await alice.fetch(at.url + "/x")
        await at.raw(get("/x", f"Cookie: {COOKIE}=forged", host=HOST))
        await at.signed_out(alice)
        now = int(at.clock())
    kept = await entries(tmp_path)
    names = {entry.event.name for entry in kept}
    assert names == {
        "user.created", "session.created", "auth.login.success", "session.renewed",
        "session.ended", "logout",
    }  # fmt: skip
    for entry in kept:
        (line,) = [each for each in at.gate.events(entry.event.name)]
        for fact in (
            "outcome",
            "reason",
            "user_id",
            "session_id",
            "provider",
            "route",
            "client_ip",
            "request_id",
        ):
            assert getattr(entry.event, fact) == line.get(fact, "")
        assert entry.event.request_id
        assert entry.event.route
    assert {entry.event.user_id for entry in kept} == {user_id}
    assert len(at.gate.events("session.rejected")) == 1, "a stranger's cookie is in the log alone"
    assert [entry.ts for entry in kept] == sorted(entry.ts for entry in kept)
    assert kept[-1].ts == now
    written = (tmp_path / "gateway.db").read_bytes() + b"".join(
        path.read_bytes() for path in tmp_path.glob("gateway.db-*")
    )
    assert not [secret for secret in secrets if secret.encode() in written]


async def test_B145_a_trail_that_hangs_delays_no_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append = AuditTrail.append
    gate, tried = asyncio.Event(), asyncio.Event()

    async def hanging(self: AuditTrail, batch: object) -> None:
        tried.set()
        await gate.wait()
        await append(self, batch)  # type: ignore[arg-type]

    monkeypatch.setattr(AuditTrail, "append", hanging)
    async with scene(tmp_path) as at:
        alice = await at.signed_in()
        await asyncio.wait_for(tried.wait(), 10)
        began = time.monotonic()
        for _ in range(5):
            at.clock.advance(600)
            assert (await alice.fetch(at.url + "/x")).status == 200
        bob = await at.signed_in("bob")
        assert (await at.signed_out(bob)).status == 303
        assert time.monotonic() - began < 10
        gate.set()
    assert len(await entries(tmp_path, "session.renewed")) == 5, "and nothing is lost"


async def test_D10_a_full_disk_loses_the_trail_to_the_log_and_no_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(_self: AuditTrail, _batch: object) -> None:
        raise StoreUnavailable("the audit trail cannot be written: SQLITE_FULL")

    monkeypatch.setattr(AuditTrail, "append", full)
    async with scene(tmp_path) as at:
        alice = await at.signed_in()
        assert (await alice.fetch(at.url + "/x")).status == 200
        await until(lambda: bool(at.gate.events("audit.unwritten")))
    assert len(at.gate.events("auth.login.success")) == 1
    assert len(at.gate.events("audit.unwritten")) == 1
    assert at.gate.events("audit.dropped")[0]["entries"] == 3
    assert await entries(tmp_path) == ()


async def test_D10_a_disk_that_really_is_full_keeps_live_sessions_and_is_counted(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        alice = await at.signed_in()
        full = raw(tmp_path)
        full.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        full.execute("BEGIN IMMEDIATE")  # nobody can write from here on
        assert (await alice.fetch(at.url + "/x")).status == 200
        for _ in range(150):
            await at.raw(get(f"{PREFIX}/callback/issuer?error=a&error=b", host=HOST))
        page = await at.gate.browser().navigate(f"{at.ours}/signin?return_to=/")
        assert page.status == 503
        assert await metric(at, "gateway_audit_dropped_total") > 0
        full.execute("ROLLBACK")
        full.close()
        assert (await (await at.signed_in("bob")).fetch(at.url + "/x")).status == 200
    assert len(await entries(tmp_path, "auth.login.failure")) <= 110


async def test_B144_a_gateway_sweeps_what_is_older_than_it_keeps(tmp_path: Path) -> None:
    async with scene(tmp_path, tables='[audit]\nkeep = "1d"\n') as at:
        await at.signed_in()
    assert len(await entries(tmp_path)) == 3
    at.clock.advance(86_401)
    async with at.node() as second:
        await until(lambda: bool(second.events("audit.swept")))
    (entry,) = await entries(tmp_path)
    assert (entry.event.name, entry.event.detail) == ("audit.swept", "3 entries older than 86400 s")


async def test_the_account_page_s_unlinking_is_in_the_trail(tmp_path: Path) -> None:
    async with HostileIssuer() as other, scene(tmp_path, tables=second_provider(other)) as at:
        other.clock, other.user = at.clock, "bob"
        at.gate.places[other.url] = int(other.url.rpartition(":")[2])
        alice = at.gate.browser()
        await alice.navigate(f"{at.ours}/signin/issuer?return_to=/")
        await alice.submit(f"{at.ours}/account/link/second", {"csrfToken": await at.csrf(alice)})
        page = await alice.navigate(f"{at.ours}/account")
        handle = page.text.partition('name="account" value="')[2].partition('"')[0]
        done = await alice.submit(
            f"{at.ours}/account/unlink", {"csrfToken": await at.csrf(alice), "account": handle}
        )
        assert done.status == 200
        session = json.loads((await alice.fetch(f"{at.ours}/session")).text)
    (entry,) = await entries(tmp_path, "account.unlinked")
    assert entry.event.provider == "issuer"
    assert entry.event.user_id == session["user"]["id"]

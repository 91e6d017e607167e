"""BEHAVIOUR group K over sockets: what is told, counted and answered beside the requests."""

import asyncio
import json
import time
from pathlib import Path

import pytest

from tests.fakes.databases import by_hand
from tests.fakes.gateway import HOST, KeptLog, route
from tests.fakes.issuer import HostileIssuer
from tests.fakes.raw_client import RawAnswer, RawConnection, get
from tests.fakes.scene import COOKIE, PREFIX, Scene, scene, second_provider, seen
from tests.fakes.store_calls import watched


async def admin(at: Scene, path: str) -> RawAnswer:
    async with await RawConnection.open(at.gate.admin_port) as connection:
        await connection.write(get(path, "Connection: close", host="localhost"))
        return await connection.answer()


async def counted(at: Scene) -> dict[str, float]:
    """Return every series of `/metrics` by name and labels."""
    text = (await admin(at, "/metrics")).body.decode()
    pairs = [line.rpartition(" ") for line in text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in pairs}


async def test_B144_each_thing_that_happens_to_a_session_is_one_event_without_secrets(tmp_path: Path) -> None:
    async with HostileIssuer() as other, scene(tmp_path, tables=second_provider(other)) as at:
        other.clock, other.user = at.clock, "bob"
        at.gate.places[other.url] = int(other.url.rpartition(":")[2])
        alice = at.gate.browser()
        await alice.navigate(f"{at.ours}/signin/issuer?return_to=/")
        secrets = {alice.cookies[HOST][COOKIE], at.claims(alice)["sid"]}
        user_id = await at.user_id()
        at.clock.advance(600)
        await alice.fetch(at.url + "/x")
        await alice.navigate(f"{at.ours}/signin/issuer?return_to=/")
        token = await at.csrf(alice)
        await alice.submit(f"{at.ours}/account/link/second", {"csrfToken": token})
        await at.raw(get("/x", f"Cookie: {COOKIE}=forged-cookie-value", host=HOST))
        await at.signed_out(alice)
        secrets |= {token, "forged-cookie-value"}
    expected = {
        "user.created": 1,
        "session.created": 3,
        "session.renewed": 1,
        "account.linked": 1,
        "session.rejected": 1,
        "session.ended": 3,
        "logout": 1,
        "auth.login.success": 3,
    }
    for name, times in expected.items():
        found = at.gate.events(name)
        assert len(found) == times, name
        for event in found:
            assert event["request_id"]
            assert event["client_ip"] == "127.0.0.1"
            assert event["route"]
            if name != "session.rejected":
                assert event["user_id"] == user_id
    assert at.gate.events("session.rejected")[0]["reason"] == "invalid"
    assert all(len(str(event["session_id"])) == 16 for event in at.gate.events("session.ended"))
    for secret in secrets:
        assert secret not in at.gate.log


async def test_B145_a_log_that_fails_or_hangs_stops_no_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with scene(tmp_path) as at:
        alice = await at.signed_in()

        def fails(_self: KeptLog, _data: bytes) -> int:
            raise OSError("no space left on device")

        def hangs(_self: KeptLog, data: bytes) -> int:
            time.sleep(0.3)
            return len(data)

        for broken in (fails, hangs):
            with monkeypatch.context() as patch:
                patch.setattr(KeptLog, "write", broken, raising=False)
                async with asyncio.timeout(0.25 if broken is fails else 2):
                    for _ in range(5):
                        assert (await alice.fetch(at.url + "/x")).status == 200


async def test_B147_two_gateways_in_one_process_do_not_know_of_each_other(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    strict = "[session]\nrevocation = 'strict'\nlease = '1m'\n[identity]\nassertion = 'off'\n"
    async with scene(tmp_path / "a") as first, scene(tmp_path / "b", tables=strict) as second:
        alice, bob = await first.signed_in("alice"), await second.signed_in("bob")
        assert first.claims(alice)["exp"] - first.claims(alice)["iat"] == 600
        assert second.claims(bob)["exp"] - second.claims(bob)["iat"] == 60
        assert seen(first.app.requests[-1], "X-Gateway-Assertion") != []
        assert seen(second.app.requests[-1], "X-Gateway-Assertion") == []
        renewals = "gateway_session_renewals_total"
        second.clock.advance(60)
        await bob.fetch(second.url + "/x")
        assert (await counted(second))[renewals] == 1
        assert (await counted(first))[renewals] == 0
    assert "bob" not in first.gate.log
    assert first.gate.events("gateway.started")[0]["revocation"] == "renewal"
    assert second.gate.events("gateway.started")[0]["revocation"] == "strict"


async def test_B148_readiness_tells_of_the_database_and_not_of_the_issuer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = watched(monkeypatch)
    async with scene(tmp_path) as at:
        at.issuer.faults = {"discovery_down", "jwks_down"}
        assert (await admin(at, "/readyz")).status == 200
        calls.down = True
        assert (await admin(at, "/readyz")).status == 503
        assert b"[-] database" in (await admin(at, "/readyz?verbose")).body
        assert (await admin(at, "/livez")).status == 200
        calls.down = False
        assert (await admin(at, "/readyz")).status == 200


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/startupz", "/metrics"])
async def test_B148_the_public_port_has_none_of_it(tmp_path: Path, path: str) -> None:
    async with scene(tmp_path) as at:
        assert (await at.raw(get(path, host=HOST))).status == 401
        assert (await at.raw(get(PREFIX + path, host=HOST))).status == 404


async def test_B149_what_happens_is_counted_by_route_and_never_by_path_or_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = watched(monkeypatch)
    tables = route("{app}", 'roles = ["editor"]').replace('path = "/"', 'path = "/edit"')
    async with scene(tmp_path, tables=tables) as at:
        alice = await at.signed_in()
        user_id = await at.user_id()
        assert (await alice.fetch(at.url + "/edit/secret-page")).status == 403
        value = alice.cookies[HOST][COOKIE]
        at.clock.advance(600)
        calls.gate.clear()
        calls.asked.clear()
        asking = [
            asyncio.create_task(at.raw(get("/a", f"Cookie: {COOKIE}={value}", host=HOST))) for _ in range(3)
        ]
        await calls.asked.wait()
        while at.gate.app._metrics.in_flight < 3:
            await asyncio.sleep(0)
        calls.gate.set()
        await asyncio.gather(*asking)
        await at.raw(get("/x", f"Cookie: {COOKIE}=forged", host=HOST))
        found = await counted(at)
        assert found["gateway_session_renewals_total"] == 3
        assert found["gateway_lookups_shared_total"] == 2
        assert found['gateway_session_cookies_total{pieces="1"}'] == 4
        assert found['gateway_session_rejections_total{reason="invalid"}'] == 1
        assert found['gateway_logins_total{provider="issuer",result="success"}'] == 1
        denied = 'gateway_auth_decisions_total{decision="deny",reason="roles",route="/edit"}'
        assert found[denied] == 1
        text = json.dumps(list(found))
        for private in ("secret-page", user_id, "alice", "127.0.0.1"):
            assert private not in text


async def test_B149_an_outage_of_the_store_is_counted_and_its_calls_are_timed(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        alice = await at.signed_in()
        at.clock.advance(600)
        await alice.fetch(at.url + "/x")
        found = await counted(at)
        assert found["gateway_store_errors_total"] == 0
        assert found['gateway_store_duration_seconds_count{op="standing"}'] >= 1
        assert found['gateway_store_duration_seconds_count{op="spend"}'] == 1
        await by_hand(tmp_path, "alter table users rename to gone")
        at.clock.advance(600)
        assert (await alice.fetch(at.url + "/x")).status == 503
        assert (await counted(at))["gateway_store_errors_total"] == 1

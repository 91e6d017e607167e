"""BEHAVIOUR group E over sockets: silent renewal, in the request that needs it."""

import asyncio
import json
from pathlib import Path

import pytest

from tests.fakes.clock import FakeClock
from tests.fakes.databases import by_hand
from tests.fakes.gateway import HOST, SECRET
from tests.fakes.raw_client import RawConnection, get
from tests.fakes.scene import COOKIE, ours_in, scene, seen
from tests.fakes.store_calls import watched
from tests.fakes.upstream import ok

FIXED = ("sub", "sid", "auth_time", "sexp", "sep", "idp", "aud", "ver")
NEXT = "the next secret of this gateway, long enough"
STRICT = "[session]\nrevocation = 'strict'"


def cookie_line(value: str) -> str:
    return f"Cookie: {COOKIE}={value}"


async def test_B077_within_the_lease_nothing_is_asked_and_nothing_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = watched(monkeypatch)
    async with scene(tmp_path) as at:
        alice = await at.signed_in()
        before = calls.total
        at.clock.advance(599)
        page = await alice.fetch(at.url + "/x")
        assert (page.status, page.set_cookies) == (200, [])
        assert calls.total == before


async def test_B078_at_the_leases_end_the_token_alone_grants_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = watched(monkeypatch)
    async with scene(tmp_path) as at:
        alice = await at.signed_in()
        at.clock.advance(600)
        calls.down = True
        assert (await alice.fetch(at.url + "/x")).status == 503
        calls.down = False
        before = calls.lookups
        assert (await alice.fetch(at.url + "/x")).status == 200
        assert calls.lookups == before + 1


async def test_B079_B080_the_same_request_is_served_with_what_was_just_read(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        alice = await at.signed_in()
        old = at.claims(alice)
        async with at.store() as store:
            await store.users.change_roles(old["sub"], grant=["editor"])
        await by_hand(tmp_path, "update users set name = 'Alice B.'")
        at.clock.advance(601)
        page = await alice.fetch(at.url + "/x")
        assert (page.status, page.text) == (200, "hello")
        assert len(ours_in(page)) == 1
        assert seen(at.app.requests[-1], "X-User-Roles") == ["editor"]
        assert seen(at.app.requests[-1], "X-User-Name") == ["Alice B."]
        new = at.claims(alice)
        assert [new[name] for name in FIXED] == [old[name] for name in FIXED]
        assert new["jti"] != old["jti"]
        assert (new["iat"], new["exp"]) == (int(at.clock()), int(at.clock()) + 600)
        assert new["roles"] == ["editor"]
    assert len(at.gate.events("session.renewed")) == 1


async def test_B081_a_form_and_a_stream_are_renewed_and_pass_intact(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        alice = await at.signed_in()
        at.clock.advance(600)
        body = bytes(range(256)) * 512
        page = await alice.request("POST", at.url + "/save", body=body)
        assert page.status == 200
        assert len(ours_in(page)) == 1
        assert at.app.requests[-1].endswith(b"\r\n\r\n" + body)
        at.clock.advance(600)
        value = alice.cookies[HOST][COOKIE]
        async with await RawConnection.open(at.gate.port) as connection:
            head = get("/up", cookie_line(value), "Transfer-Encoding: chunked", host=HOST, method="PUT")
            await connection.write(head)
            for _ in range(4):
                await connection.write(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")
            await connection.write(b"0\r\n\r\n")
            answer = await connection.answer()
        assert answer.status == 200
        assert any(line.startswith(f"{COOKIE}=ey".encode()) for line in answer.values("set-cookie"))
        _, _, sent = at.app.requests[-1].partition(b"\r\n\r\n")
        assert sent.count(b"x") == 4 * 0x10000


@pytest.mark.parametrize(
    ("harm", "reason"), [("delete", "user_missing"), ("disable", "user_disabled"), ("enable again", "epoch")]
)
async def test_B082_S09_whom_the_database_refuses_is_not_renewed(
    tmp_path: Path, harm: str, reason: str
) -> None:
    async with scene(tmp_path) as at:
        alice = await at.signed_in()
        user_id = await at.user_id()
        async with at.store() as store:
            if harm == "delete":
                await store.users.delete(user_id)
            else:
                await store.users.set_enabled(user_id, enabled=False)
            if harm == "enable again":
                await store.users.set_enabled(user_id, enabled=True)
        at.clock.advance(600)
        page = await alice.fetch(at.url + "/x")
        assert page.status == 401
        assert alice.cookie(at.url, COOKIE) is None
        assert len(at.app.requests) == 1
    assert [event["reason"] for event in at.gate.events("session.rejected")] == [reason]


@pytest.mark.parametrize("cause", ["tampered", "unknown key", "retired key", "foreign aud", "newer", "extra"])
async def test_B083_integrity_comes_before_renewability(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cause: str
) -> None:
    calls = watched(monkeypatch)
    async with scene(tmp_path) as at:
        alice = await at.signed_in()
        claims, good = at.claims(alice), alice.cookies[HOST][COOKIE]
        spoiled = {
            "tampered": good[:-3] + ("AAA" if good[-3:] != "AAA" else "BBB"),
            "unknown key": at.sealed(claims, secret=NEXT),
            "retired key": at.sealed(claims, secret="a retired secret of this gateway, long enough"),
            "foreign aud": at.sealed({**claims, "aud": "https://other.example __Host-session"}),
            "newer": at.sealed({**claims, "ver": 2}),
            "extra": at.sealed({**claims, "admin": True}),
        }[cause]
        at.clock.advance(601)
        before = calls.total
        answer = await at.raw(get("/x", cookie_line(spoiled), host=HOST))
        assert answer.status == 401
        assert calls.total == before
        assert (await at.raw(get("/x", cookie_line(good), host=HOST))).status == 200
    assert [event["reason"] for event in at.gate.events("session.rejected")] == ["invalid"]


async def test_B084_a_token_under_an_older_key_renews_under_the_first(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        alice = await at.signed_in()
        async with at.node(secret=f'["{NEXT}", "{SECRET}"]') as second:
            at.visits(alice, second)
            at.clock.advance(600)
            assert (await alice.fetch(at.url + "/x")).status == 200
            assert at.claims(alice, secret=NEXT)["iat"] == int(at.clock())


async def test_B085_an_outage_at_renewal_keeps_the_cookie(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = watched(monkeypatch)
    async with scene(tmp_path) as at:
        alice = await at.signed_in()
        before = dict(alice.cookies[HOST])
        at.clock.advance(600)
        calls.down = True
        for _ in range(3):
            page = await alice.fetch(at.url + "/x")
            assert (page.status, page.set_cookies) == (503, [])
            assert page.answer.values("retry-after") != []
        assert alice.cookies[HOST] == before
        calls.down = False
        assert (await alice.fetch(at.url + "/x")).status == 200
        assert at.claims(alice)["iat"] == int(at.clock())


async def test_B086_fifty_requests_at_once_need_one_lookup_and_agree(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = watched(monkeypatch)
    async with scene(tmp_path) as at:
        alice = await at.signed_in()
        value = alice.cookies[HOST][COOKIE]
        at.clock.advance(600)
        before = calls.lookups
        calls.gate.clear()
        asking = [
            asyncio.create_task(at.raw(get(f"/{number}", cookie_line(value), host=HOST)))
            for number in range(50)
        ]
        await calls.asked.wait()
        while at.gate.app._metrics.in_flight < 50:
            await asyncio.sleep(0)
        calls.gate.set()
        answers = await asyncio.gather(*asking)
        assert calls.lookups == before + 1
        tokens = []
        for answer in answers:
            assert answer.status == 200
            [line] = [line.decode() for line in answer.values("set-cookie")]
            tokens.append(at.opened(line.partition(";")[0].partition("=")[2]))
        assert len({(token["sid"], token["auth_time"], token["sexp"]) for token in tokens}) == 1


async def test_B087_S07_an_older_cookie_that_overwrote_a_newer_one_still_works(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        alice = await at.signed_in()
        older = alice.cookies[HOST][COOKIE]
        at.clock.advance(600)
        await alice.fetch(at.url + "/x")
        alice.cookies[HOST][COOKIE] = older
        assert (await alice.fetch(at.url + "/x")).status == 200
        assert at.claims(alice)["exp"] == int(at.clock()) + 600


async def test_B088_peeking_neither_renews_nor_keeps_from_idling(tmp_path: Path) -> None:
    async with scene(tmp_path, tables="[session]\nidle_timeout = '2h'") as at:
        alice = await at.signed_in()
        before = dict(alice.cookies[HOST])
        for _ in range(13):
            at.clock.advance(600)
            page = await alice.fetch(f"{at.ours}/session?peek=1")
            assert page.set_cookies == []
            assert json.loads(page.text)["user"]["email"] == "alice@example.com"
        assert alice.cookies[HOST] == before
        at.clock.advance(1)
        assert await at.session_of(alice) is None
        assert (await alice.fetch(at.url + "/x")).status == 401


@pytest.mark.parametrize(
    "name", ["Cache-Control", "CDN-Cache-Control", "Cloudflare-CDN-Cache-Control", "Expires"]
)
async def test_B089_S22_no_shared_cache_can_keep_a_session_cookie(tmp_path: Path, name: str) -> None:
    async with scene(tmp_path) as at:
        alice = await at.signed_in()
        value = b"Wed, 01 Jan 2031 00:00:00 GMT" if name == "Expires" else b"public, max-age=3600"
        at.app.answer_with(ok(b"hello", name.encode() + b": " + value, b"Surrogate-Control: max-age=60"))
        untouched = await alice.fetch(at.url + "/x")
        assert untouched.answer.values(name) == [value]
        at.clock.advance(600)
        page = await alice.fetch(at.url + "/x")
        assert len(ours_in(page)) == 1
        assert page.answer.values("cache-control") == [b"private, no-store"]
        for other in (name, "surrogate-control"):
            assert other == "Cache-Control" or page.answer.values(other) == []


async def test_B090_the_apps_cookies_pass_in_order_beside_ours(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        alice = await at.signed_in()
        dated = b"Set-Cookie: b=2; Path=/; Expires=Wed, 01 Jan 2031 00:00:00 GMT"
        lines = [dated, b"set-cookie: a=1", b"Set-Cookie: b=3"]
        at.app.answer_with(ok(b"hello", *lines))
        at.clock.advance(600)
        page = await alice.fetch(at.url + "/x")
        theirs = [line for line in page.set_cookies if not line.startswith("__Host-")]
        assert theirs == ["b=2; Path=/; Expires=Wed, 01 Jan 2031 00:00:00 GMT", "a=1", "b=3"]
        assert len(ours_in(page)) == 1


async def test_B091_idleness_ends_a_session_where_it_is_on(tmp_path: Path) -> None:
    async with scene(tmp_path, tables="[session]\nidle_timeout = '2h'") as at:
        alice = await at.signed_in()
        at.clock.advance(600 + 7200)
        assert (await alice.fetch(at.url + "/x")).status == 200
        at.clock.advance(600 + 7201)
        page = await alice.fetch(at.url + "/x")
        assert page.status == 401
        assert alice.cookie(at.url, COOKIE) is None
    assert [event["reason"] for event in at.gate.events("session.rejected")] == ["idle"]


async def test_B091_where_it_is_off_28_days_of_silence_renew(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        alice = await at.signed_in()
        at.clock.advance(28 * 86_400)
        assert (await alice.fetch(at.url + "/x")).status == 200


async def test_B092_renewals_ask_the_issuer_nothing(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        alice = await at.signed_in()
        before = sum(at.issuer.seen.values())
        for _ in range(5):
            at.clock.advance(600)
            assert (await alice.fetch(at.url + "/x")).status == 200
        assert sum(at.issuer.seen.values()) == before


async def test_B093_S10_clocks_half_a_minute_apart_make_no_difference(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        slow = FakeClock(at.clock() - 30)
        async with at.node(clock=slow) as second:
            alice = await at.signed_in()
            at.visits(alice, second)
            assert (await alice.fetch(at.url + "/x")).status == 200
            slow.advance(-31)
            assert (await alice.fetch(at.url + "/x")).status == 401
    assert len(at.app.requests) == 2


@pytest.mark.parametrize("jump", [3600, -3600])
async def test_B094_S10_a_clock_that_jumps_changes_no_end_and_crashes_nothing(
    tmp_path: Path, jump: int
) -> None:
    async with scene(tmp_path) as at:
        alice = await at.signed_in()
        kept, before = dict(alice.cookies[HOST]), at.claims(alice)
        at.clock.advance(jump)
        assert (await alice.fetch(at.url + "/x")).status in (200, 401)
        after = alice.cookies[HOST].get(COOKIE)
        assert after is None or at.opened(after)["sexp"] == before["sexp"]
        at.clock.advance(-jump)
        alice.cookies[HOST] = kept
        assert (await alice.fetch(at.url + "/x")).status == 200
        assert at.claims(alice)["exp"] == before["exp"]


async def test_B095_a_token_minted_while_the_session_ends_dies_a_lease_after_the_question(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = watched(monkeypatch)
    async with scene(tmp_path) as at, at.node() as second:
        alice = await at.signed_in()
        copy = second.browser()
        copy.cookies[HOST] = dict(alice.cookies[HOST])
        at.clock.advance(600)
        asked_at = int(at.clock())
        calls.gate.clear()
        renewing = asyncio.create_task(copy.fetch(at.url + "/x"))
        await calls.asked.wait()
        calls.gate.set()
        at.clock.advance(0.3)
        await at.signed_out(alice)
        page = await renewing
        assert page.status == 200
        assert at.claims(copy)["exp"] <= asked_at + 600
        at.clock.advance(600)
        assert (await copy.fetch(at.url + "/x")).status == 401


async def test_B096_strict_asks_at_every_request_and_sets_nothing_within_the_lease(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = watched(monkeypatch)
    async with scene(tmp_path, tables=STRICT) as at:
        alice = await at.signed_in()
        for _ in range(3):
            before = calls.lookups
            page = await alice.fetch(at.url + "/x")
            assert (page.status, page.set_cookies) == (200, [])
            assert calls.lookups == before + 1
        calls.down = True
        kept = dict(alice.cookies[HOST])
        page = await alice.fetch(at.url + "/x")
        assert (page.status, page.set_cookies) == (503, [])
        assert alice.cookies[HOST] == kept


async def test_B096_S06_strict_refuses_a_copy_on_every_node_at_once(tmp_path: Path) -> None:
    async with scene(tmp_path, tables=STRICT) as at, at.node() as second:
        alice = await at.signed_in()
        copies = [gate.browser() for gate in (at.gate, second)]
        for copy in copies:
            copy.cookies[HOST] = dict(alice.cookies[HOST])
            assert (await copy.fetch(at.url + "/x")).status == 200
        await at.signed_out(alice)
        for copy in copies:
            assert (await copy.fetch(at.url + "/x")).status == 401


async def test_B066_strict_never_answers_from_an_earlier_question(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = watched(monkeypatch)
    async with scene(tmp_path, tables=STRICT) as at:
        alice = await at.signed_in()
        user_id = await at.user_id()
        value = alice.cookies[HOST][COOKIE]
        calls.gate.clear()
        calls.asked.clear()
        first = asyncio.create_task(at.raw(get("/first", cookie_line(value), host=HOST)))
        await calls.asked.wait()
        async with at.store() as store:
            await store.users.set_enabled(user_id, enabled=False)
        second = asyncio.create_task(at.raw(get("/second", cookie_line(value), host=HOST)))
        while at.gate.app._metrics.in_flight < 2:
            await asyncio.sleep(0)
        calls.gate.set()
        await first
        assert (await second).status == 401
        assert not any(request.startswith(b"GET /second") for request in at.app.requests)


async def test_B126_roles_that_no_longer_fit_keep_nobody_out(tmp_path: Path) -> None:
    names = [f"role-{number:04}-{'x' * 20}" for number in range(400)]
    tables = "[identity]\nassertion = 'off'\n[identity.headers]\nX-User-Id = 'id'"
    async with scene(tmp_path, tables=tables) as at:
        alice = await at.signed_in()
        before = dict(alice.cookies[HOST])
        async with at.store() as store:
            await store.users.change_roles(await at.user_id(), grant=names)
        at.clock.advance(600)
        for _ in range(2):
            page = await alice.fetch(at.url + "/x")
            assert (page.status, page.set_cookies) == (200, [])
        assert len((await at.session_of(alice))["user"]["roles"]) == len(names)
        assert alice.cookies[HOST] == before
        page = await alice.navigate(f"{at.ours}/signin?return_to=/")
        assert page.status == 500
        assert "Your profile is too large" in page.text
        async with at.store() as store:
            await store.users.change_roles(await at.user_id(), revoke=names)
        page = await alice.fetch(at.url + "/x")
        assert len(ours_in(page)) == 1
    assert {event["reason"] for event in at.gate.events("session.unrenewed")} == {"SessionTooLarge"}
    assert all("largest: roles" in str(event["detail"]) for event in at.gate.events("session.unrenewed"))

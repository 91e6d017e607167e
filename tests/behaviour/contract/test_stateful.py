"""What holds for sessions that live in a store: the [SF] statements, and ATTACKS S, over real stores."""

import asyncio
import hashlib
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import urlencode

import pytest

from gateway.errors import StoreUnavailable
from gateway.keys.base64url import encode
from gateway.sessions.cache import Channel
from gateway.store.redis import RedisSessions, name_of
from gateway.store.sessions import Sessions
from tests.fakes.browser import Browser, Page
from tests.fakes.gateway import HOST, RunningGateway
from tests.fakes.hammers import hammering
from tests.fakes.issuer_logout import logout_token
from tests.fakes.keepings import STATEFUL, Keeping
from tests.fakes.raw_client import RawConnection, get
from tests.fakes.scene import COOKIE, MONTH, Scene, attributes, ours_in

pytestmark = pytest.mark.parametrize("kept", STATEFUL, indirect=True)


@dataclass(slots=True)
class StoreVerbs:
    """Calls to the session store so far; while `down`, removing and finding fail."""

    calls: int = 0
    down: bool = False


@pytest.fixture
def verbs(monkeypatch: pytest.MonkeyPatch) -> StoreVerbs:
    counted = StoreVerbs()

    def over(verb: Callable[..., Awaitable[object]]) -> Callable[..., Awaitable[object]]:
        async def call(*args: object, **named: object) -> object:
            counted.calls += 1
            if counted.down:
                raise StoreUnavailable("down")
            return await verb(*args, **named)

        return call

    for store in (Sessions, RedisSessions):
        for name in ("find", "remove", "add", "touch"):
            monkeypatch.setattr(store, name, over(getattr(store, name)))
    return counted


def value(browser: Browser) -> str:
    return browser.cookies[HOST][COOKIE]


def copy_of(browser: Browser, gate: RunningGateway) -> Browser:
    twin = gate.browser()
    twin.cookies[HOST] = dict(browser.cookies[HOST])
    return twin


async def until(held: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(20):
        while not await held():
            await asyncio.sleep(0.02)


async def record_of(kept: Keeping, browser: Browser) -> dict[str, object]:
    """Return what the store holds of the session of *browser*, by name of field."""
    key = hashlib.sha256(value(browser).partition(".")[0].encode()).digest()
    if kept.redis is None:
        [row] = [row for row in kept.rows() if row["key"] == key]
        return row
    [name] = [name for name in await kept.redis.named("session") if name.endswith(name_of(key).encode())]
    found: dict[str, object] = json.loads(await kept.redis.ask("GET", name))
    [seen] = [index for index in await kept.redis.named("seen") if index.endswith(name_of(key)[:3].encode())]
    score = await kept.redis.ask("ZSCORE", seen, name_of(key))
    return {**found, "key": key, "seen_at": int(score)}


async def test_B036_one_record_exists_and_the_cookie_says_nothing(kept: Keeping) -> None:
    async with kept.scene() as at:
        alice = at.gate.browser()
        callback = await at.departed(alice)
        page = await alice.navigate(callback, follow=False, User_Agent="Firefox/1")
        assert await kept.kept() == 1
        record = await record_of(kept, alice)
        now = int(at.clock())
        assert record["user_id"] == await at.user_id()
        assert (record["created_at"], record["ends_at"], record["seen_at"]) == (now, now + MONTH, now)
        assert (record["address"], record["browser"]) == ("127.0.0.1", "Firefox/1")
        assert (record["provider"], record["issuer"]) == ("issuer", at.issuer.url)
        assert len(ours_in(page)) == 1


async def test_B037_S12_the_cookie_is_short_and_nothing_stored_is_worth_anything(kept: Keeping) -> None:
    async with kept.scene() as at:
        alice = await at.signed_in()
        assert len(value(alice)) <= 128
        record = await record_of(kept, alice)
        key = hashlib.sha256(value(alice).partition(".")[0].encode()).digest()
        tag = value(alice).partition(".")[2]
        stored = [str(field) for field in record.values()] + [key.hex(), encode(key).decode()]
        assert not [field for field in stored if value(alice).partition(".")[0] in field or tag in field]
        for field in [*stored, *(f"{encode(key).decode()}.{other}" for other in (tag, encode(key).decode()))]:
            thief = at.gate.browser()
            thief.cookies[HOST] = {COOKIE: field.replace(";", "").replace("\n", "")}
            assert (await thief.fetch(at.url + "/x")).status == 401


async def test_B038_B130_a_wrong_tag_asks_no_store(kept: Keeping, verbs: StoreVerbs) -> None:
    async with (
        kept.scene() as at,
        at.node(secret='"the secret of another gateway, long enough"') as other,
    ):
        alice = await at.signed_in()
        before = verbs.calls
        session_id, _, tag = value(alice).partition(".")
        for bad in (f"{session_id}.{tag[::-1]}", f"{'A' * 43}.{tag}", session_id, f"{session_id}."):
            thief = at.gate.browser()
            thief.cookies[HOST] = {COOKIE: bad}
            assert (await thief.fetch(at.url + "/x")).status == 401
        copy = copy_of(alice, other)
        assert (await copy.fetch(at.url + "/x")).status == 401
        assert verbs.calls == before
    assert {event["reason"] for event in at.gate.events("session.rejected")} == {"invalid"}


async def test_B035_no_cookie_is_set_after_the_login(kept: Keeping) -> None:
    async with kept.scene() as at:
        alice = await at.signed_in()
        for _ in range(4):
            at.clock.advance(400)
            page = await alice.fetch(at.url + "/x")
            assert (page.status, page.set_cookies) == (200, [])


async def test_B053_where_its_name_came_twice_the_cookie_is_left_anew(kept: Keeping) -> None:
    async with kept.scene() as at:
        alice = await at.signed_in()
        at.clock.advance(1000)
        page = await alice.fetch(at.url + "/x", Cookie=f"{COOKIE}=tossed")
        [line] = ours_in(page)
        assert line.startswith(f"{COOKIE}={value(alice)};")
        assert int(attributes(line)["max-age"]) == MONTH - 1000


@pytest.mark.parametrize("what", ["swapped content", "swapped user", "garbage", "newer form"])
async def test_S13_S14_B044_B133_a_record_tampered_with_is_nobody_s(kept: Keeping, what: str) -> None:
    async with kept.scene() as at:
        alice, bob = await at.signed_in(), await at.signed_in("bob")
        if kept.redis is None:
            statements = {
                "swapped content": "UPDATE sessions SET sealed = o.sealed FROM (SELECT * FROM sessions) AS o"
                " WHERE o.key != sessions.key",
                "swapped user": "UPDATE sessions SET user_id = o.user_id FROM (SELECT * FROM sessions) AS o"
                " WHERE o.key != sessions.key",
                "garbage": "UPDATE sessions SET sealed = 'garbage'",
                "newer form": "UPDATE sessions SET sealed = 'v2.' || sealed",
            }
            await kept.sql(statements[what])
        else:
            await tamper(kept, what)
        await asyncio.sleep(0.05)
        for browser in (alice, bob):
            assert (await browser.fetch(at.url + "/x")).status in (401, 503)
        assert len(at.app.requests) == 2


async def tamper(kept: Keeping, what: str) -> None:
    assert kept.redis is not None
    names = await kept.redis.named("session")
    records = [json.loads(await kept.redis.ask("GET", name)) for name in names]
    one, other = records
    if what == "swapped content":
        one["sealed"], other["sealed"] = other["sealed"], one["sealed"]
    elif what == "swapped user":
        one["user_id"], other["user_id"] = other["user_id"], one["user_id"]
    else:
        one["sealed"] = other["sealed"] = "garbage" if what == "garbage" else "v2." + one["sealed"]
    for name, record in zip(names, (one, other), strict=True):
        await kept.redis.ask("SET", name, json.dumps(record))


@pytest.mark.parametrize("by", ["us", "hand", "command line"])
async def test_B064_B110_S20_an_ended_session_is_refused_here_at_once_and_elsewhere_in_time(
    kept: Keeping, by: str
) -> None:
    async with kept.scene() as at, at.node() as second:
        alice = await at.signed_in()
        here, elsewhere = copy_of(alice, at.gate), copy_of(alice, second)
        for browser in (here, elsewhere) * 3:
            assert (await browser.fetch(at.url + "/x")).status == 200
        if by == "us":
            await at.signed_out(alice)
        elif by == "hand":
            await kept.delete_all()
        else:
            async with at.store() as store:
                await store.users.set_enabled(await at.user_id(), enabled=False)
        if by == "us":
            assert (await here.fetch(at.url + "/x")).status == 401
        if kept.pushed:
            await asyncio.sleep(0.05)
        for browser in (here, elsewhere):
            assert (await browser.fetch(at.url + "/x")).status == 401
        assert await kept.kept() == 0


async def ended_by_owner(at: Scene, owner: Browser, public: str) -> Page:
    sent = {"csrfToken": await at.csrf(owner)}
    return await owner.submit(f"{at.ours}/account/sessions/{public}", sent, follow=False)


async def ended_by_issuer(at: Scene, sid: str) -> Page:
    return await at.gate.browser().request(
        "POST",
        f"{at.ours}/backchannel-logout/issuer",
        headers={"Content-Type": "application/x-www-form-urlencoded"},
        body=urlencode({"logout_token": logout_token(at.issuer, sid=sid)}).encode(),
        follow=False,
    )


async def test_B064_B110_B112_whoever_ends_it_here_it_is_refused_before_any_news_of_it(
    kept: Keeping, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with kept.scene("max_sessions_per_user = 2") as at:

        async def next_to(mine: Browser, sid: str = "op-2") -> Browser:
            """Sign in somebody's other browser; both are known to the gateway then, which hears no news."""
            at.issuer.claims = {"sid": sid}
            other = await at.signed_in()
            for browser in (mine, other) * 2:
                assert (await browser.fetch(at.url + "/x")).status == 200
            for news in ("drop", "drop_all"):
                silenced.setattr(Channel, news, lambda *_: None)
            return other

        async def answers(*browsers: Browser) -> list[int]:
            return [(await browser.fetch(at.url + "/x")).status for browser in browsers]

        mine = await at.signed_in()
        at.clock.advance(1)
        with monkeypatch.context() as silenced:
            other = await next_to(mine)
            public = hashlib.sha256(value(other).partition(".")[0].encode()).hexdigest()[:16]
            assert (await ended_by_owner(at, mine, public)).status == 303
            assert await answers(other, mine) == [401, 200]
        with monkeypatch.context() as silenced:
            other = await next_to(mine)
            assert (await ended_by_issuer(at, "op-2")).status == 200
            assert await answers(other, mine) == [401, 200]
        with monkeypatch.context() as silenced:
            other = await next_to(mine, "op-3")
            assert (await at.signed_out(mine, scope="others")).status == 303
            assert await answers(other, mine) == [401, 200]
        with monkeypatch.context() as silenced:
            other = await next_to(mine, "op-4")
            at.clock.advance(1)
            third = await at.signed_in()
            assert await answers(mine, other, third) == [401, 200, 200]
            assert (await at.signed_out(third, scope="all")).status == 303
            assert await answers(other, third) == [401, 401]


async def test_B064_B065_hammered_while_it_ends_none_passes_later_than_allowed(kept: Keeping) -> None:
    async with kept.scene() as at, at.node() as second:
        alice = await at.signed_in()
        asked = {}
        for gate in (at.gate, second):
            head = f"Cookie: {COOKIE}={value(copy_of(alice, gate))}"
            asked[gate.port] = get("/x", head, host=HOST)
        async with hammering(asked) as hammers:
            await at.signed_out(alice)
            hammers.ended_at = time.monotonic()
        assert hammers.late(at.gate.port, allowed=0.0) == []
        assert hammers.late(second.port, allowed=0.05 if kept.pushed else 0.0) == []


async def test_B064_warm_requests_ask_no_store_where_pushed_and_always_where_not(
    kept: Keeping, verbs: StoreVerbs
) -> None:
    """SQLite is asked whether anything changed, and only where it did for the session itself."""
    async with kept.scene() as at:
        alice = await at.signed_in()
        head = f"Cookie: {COOKIE}={value(alice)}"
        async with await RawConnection.open(at.gate.port) as connection:
            before = 0
            for number in range(230):
                if number == 30:
                    before = verbs.calls
                await connection.write(get("/x", head, host=HOST))
                assert (await connection.answer()).status == 200
        asked = verbs.calls - before
        told_at_once = kept.pushed or kept.name == "sqlite off"
        assert asked < 100 if told_at_once else asked == 200


@pytest.mark.parametrize("idle", ["1h", "5m"])
async def test_B102_S27_idle_sessions_end_and_use_is_written_seldom(kept: Keeping, idle: str) -> None:
    limit = {"1h": 3600, "5m": 300}[idle]
    every = min(60, limit // 10)
    async with kept.scene(f'idle_timeout = "{idle}"') as at:
        alice, bob = await at.signed_in(), await at.signed_in("bob")
        began = int(at.clock())
        at.clock.advance(every - 1)
        assert (await alice.fetch(at.url + "/x")).status == 200
        assert (await record_of(kept, alice))["seen_at"] == began
        at.clock.advance(1)
        assert (await alice.fetch(at.url + "/x")).status == 200

        async def written() -> bool:
            return (await record_of(kept, alice))["seen_at"] == began + every

        await until(written)
        at.clock.now = began + limit
        assert (await bob.fetch(at.url + "/x")).status == 200
        at.clock.now = began + every + limit + 1
        page = await alice.fetch(at.url + "/x")
        assert page.status == 401
        assert alice.cookie(at.url, COOKIE) is None
        assert await kept.kept() == 1
    assert [event["reason"] for event in at.gate.events("session.rejected")] == ["idle"]


async def test_B088_a_look_at_the_session_keeps_nobody_from_idling(kept: Keeping) -> None:
    async with kept.scene('idle_timeout = "10m"') as at:
        alice = await at.signed_in()
        for _ in range(10):
            at.clock.advance(60)
            assert await at.session_of(alice) is not None
        at.clock.advance(1)
        assert (await alice.fetch(at.url + "/x")).status == 401


async def test_B103_what_ended_unseen_is_swept_and_told(kept: Keeping) -> None:
    async with kept.scene('idle_timeout = "1d"', 'max_age = "10d"') as at:
        await at.signed_in()
        at.clock.advance(86_401)
        alice = await at.signed_in()
        await at.signed_in("bob")
        bob = await at.user_id("bob@example.com")
        await kept.sql(f"UPDATE users SET epoch = epoch + 1 WHERE id = '{bob}'")
        async with at.node() as second:
            async with asyncio.timeout(20):
                while await kept.kept() > 1 or len(second.events("session.swept")) < 2:
                    await asyncio.sleep(0.02)
            at.visits(alice, second)
            assert (await alice.fetch(at.url + "/x")).status == 200
    assert [event["reason"] for event in second.events("session.swept")] == ["idle", "epoch"]


async def test_B118_S20_beyond_the_limit_the_oldest_session_ends_at_once(kept: Keeping) -> None:
    async with kept.scene("max_sessions_per_user = 3") as at:
        bob = await at.signed_in("bob")
        browsers = []
        for _ in range(4):
            browsers.append(await at.signed_in())
            at.clock.advance(1)
        await asyncio.sleep(0.05)
        answers = [(await browser.fetch(at.url + "/x")).status for browser in [*browsers, bob]]
        assert answers == [401, 200, 200, 200, 200]
        assert await kept.kept() == 4


async def test_B111_an_end_that_cannot_be_recorded_says_so_and_is_retried(
    kept: Keeping, verbs: StoreVerbs
) -> None:
    async with kept.scene() as at:
        alice = await at.signed_in()
        copy = copy_of(alice, at.gate)
        verbs.down = True
        page = await at.signed_out(alice)
        assert page.status == 503
        assert "Sign-out is incomplete" in page.text
        assert alice.cookie(at.url, COOKIE) is None
        assert (await copy_of(copy, at.gate).fetch(at.url + "/x")).status == 401
        verbs.down = False

        async def gone() -> bool:
            return await kept.kept() == 0

        await until(gone)

        async def recorded() -> bool:
            async with at.store() as store:
                return len(await store.audit.entries(event="session.ending_recorded")) == 1

        await until(recorded)
        async with at.store() as store:
            [entry] = await store.audit.entries(event="session.ending_unrecorded")
    [line] = at.gate.events("session.ending_unrecorded")
    assert entry.event.session_id == line["session_id"] != ""


async def test_B111_a_session_that_is_gone_already_signs_out_well(kept: Keeping) -> None:
    async with kept.scene() as at:
        alice = await at.signed_in()
        await kept.delete_all()
        assert (await at.signed_out(alice)).status == 303


async def test_B050_B060_an_outage_is_unavailable_with_the_cookie_kept_and_ends_with_the_store(
    kept: Keeping, verbs: StoreVerbs
) -> None:
    async with kept.scene(more='[[routes]]\npath = "/open"\nupstream = "{app}"\naccess = "optional"') as at:
        alice = await at.signed_in()
        at.clock.advance(60)  # its use is due to be written, so the store is asked
        verbs.down = True
        for path in ("/x", "/open"):
            page = await alice.fetch(at.url + path)
            assert (page.status, page.set_cookies) == (503, [])
            assert int(page.answer.values("retry-after")[0]) > 0
        assert len(at.app.requests) == 1
        verbs.down = False
        assert (await alice.fetch(at.url + "/x")).status == 200


async def test_B148_readiness_names_the_store_and_the_channel(kept: Keeping) -> None:
    async with kept.scene() as at, await RawConnection.open(at.gate.admin_port) as connection:
        async with asyncio.timeout(10):
            answer = None
            while answer is None or answer.status != 200:  # the channel proves itself from time to time
                await connection.write(get("/readyz?verbose", host=f"127.0.0.1:{at.gate.admin_port}"))
                answer = await connection.answer()
        assert b"[+] session_store" in answer.body
        assert (b"[+] push_channel" in answer.body) == kept.pushed


async def test_B041_the_choice_is_logged_at_start(kept: Keeping) -> None:
    async with kept.scene() as at:
        pass
    [started] = at.gate.events("gateway.started")
    said = [started["strategy"], started["store"], started["cache"]]
    assert said == ["stateful", kept.store, kept.name.split()[1]]


async def test_S26_anonymous_hits_store_nothing(kept: Keeping, verbs: StoreVerbs) -> None:
    async with kept.scene() as at:
        for _ in range(20):
            await at.gate.browser().fetch(at.url + "/x")
        assert verbs.calls == 0
        assert await kept.kept() == 0


async def test_D14_a_client_that_hangs_up_at_any_moment_leaves_no_half_state(kept: Keeping) -> None:
    async with kept.scene() as at:
        alice = await at.signed_in()
        head = f"Cookie: {COOKIE}={value(alice)}"
        for number in range(40):
            at.clock.advance(61)
            connection = await RawConnection.open(at.gate.port)
            await connection.write(get("/x", head, host=HOST))
            await asyncio.sleep(number / 40_000)
            connection.writer.transport.abort()
        assert (await alice.fetch(at.url + "/x")).status == 200
        assert await kept.kept() == 1

"""BEHAVIOUR group G over every way to keep sessions: whoever ends them, they end, in the time promised."""

import asyncio
import re
from typing import Any
from urllib.parse import parse_qs, urlencode

import pytest

from gateway.flows.sign_ins import SignInBook
from tests.fakes.browser import Browser, Page
from tests.fakes.gateway import HOST
from tests.fakes.issuer_logout import logout_token, offers_logout
from tests.fakes.keepings import ALL, Keeping
from tests.fakes.passwords import RIGHT, hash_of
from tests.fakes.reloads import reloading
from tests.fakes.scene import COOKIE, Scene

pytestmark = pytest.mark.parametrize("kept", ALL, indirect=True)


async def due(kept: Keeping, at: Scene) -> None:
    """Let as much time pass as an ending may take."""
    if kept.pushed:
        await asyncio.sleep(0.05)
    if not kept.stateful:
        at.clock.advance(600)


async def statuses(at: Scene, *browsers: Browser) -> list[int]:
    return [(await browser.fetch(at.url + "/x")).status for browser in browsers]


async def listed(at: Scene, browser: Browser) -> list[str]:
    """Return the ids of the other sessions that the account page shows."""
    page = await browser.navigate(f"{at.ours}/account")
    return re.findall(r'/account/sessions/([0-9a-f]+)"', page.text)


async def ended(at: Scene, browser: Browser, public: str) -> Page:
    sent = {"csrfToken": await at.csrf(browser)}
    return await browser.submit(f"{at.ours}/account/sessions/{public}", sent, follow=False)


async def test_B112_S20_scope_all_ends_every_session_of_the_user_and_nobody_else_s(kept: Keeping) -> None:
    async with kept.scene() as at, at.node() as second:
        mine, other, bob = [await at.signed_in(user) for user in ("alice", "alice", "bob")]
        at.visits(other, second)
        assert await statuses(at, mine, other, bob) == [200, 200, 200]
        assert (await at.signed_out(mine, scope="all")).status == 303
        assert await kept.kept() == (1 if kept.stateful else 0)
        await due(kept, at)
        assert await statuses(at, mine, other, bob) == [401, 401, 200]
        assert await statuses(at, await at.signed_in()) == [200]


async def test_B112_scope_others_keeps_this_one_alone(kept: Keeping) -> None:
    async with kept.scene() as at:
        mine, other, bob = [await at.signed_in(user) for user in ("alice", "alice", "bob")]
        assert await statuses(at, mine, other, bob) == [200, 200, 200]
        page = await at.signed_out(mine, scope="others")
        assert (page.status, page.location) == (303, f"{at.ours}/account")
        assert await kept.kept() == (2 if kept.stateful else 0)
        await due(kept, at)
        assert await statuses(at, mine, other, bob) == [200, 401, 200]
        assert await listed(at, mine) == []


async def test_B113_sessions_are_listed_and_end_by_their_public_id(kept: Keeping) -> None:
    async with kept.scene() as at:
        mine, other, bob = [await at.signed_in(user) for user in ("alice", "alice", "bob")]
        [public] = await listed(at, mine)
        assert (await ended(at, bob, public)).status == 404
        assert (await ended(at, mine, public)).location == f"{at.ours}/account"
        assert await listed(at, mine) == []
        await due(kept, at)
        assert await statuses(at, mine, other, bob) == [200, 401, 200]
        assert await kept.kept() == (2 if kept.stateful else 0)


async def test_B113_a_session_that_signed_out_is_listed_no_more(kept: Keeping) -> None:
    async with kept.scene() as at:
        mine, other = [await at.signed_in() for _ in range(2)]
        await at.signed_out(other)
        assert await listed(at, mine) == []


async def test_B118_beyond_the_limit_the_oldest_ends_and_is_told(kept: Keeping) -> None:
    async with kept.scene("max_sessions_per_user = 2") as at:
        browsers = []
        for _ in range(3):
            browsers.append(await at.signed_in())
            at.clock.advance(1)
        await due(kept, at)
        assert await statuses(at, *browsers) == [401, 200, 200]
    [told] = at.gate.events("session.ended")
    first, *_, last = at.gate.events("session.created")
    assert (told["reason"], told["session_id"]) == ("limit", first["session_id"])
    assert told["detail"] == f"for {last['session_id']}"


async def test_B118_B040_a_login_in_the_place_of_a_session_takes_the_room_of_no_other(kept: Keeping) -> None:
    async with kept.scene("max_sessions_per_user = 2") as at:
        phone = await at.signed_in()
        at.clock.advance(1)
        laptop = await at.signed_in()
        at.clock.advance(1)
        await laptop.navigate(f"{at.ours}/signin?return_to=/")
        await due(kept, at)
        assert await statuses(at, phone, laptop) == [200, 200]
    assert len(at.gate.events("session.created")) == 3


async def test_B118_of_two_logins_at_one_moment_the_limit_leaves_one(
    kept: Keeping, monkeypatch: pytest.MonkeyPatch
) -> None:
    record, first_may = SignInBook.begin, asyncio.Event()
    come: list[None] = []

    async def last_come_first(self: SignInBook, *login: Any, **more: Any) -> tuple[bytes, ...]:
        come.append(None)
        if len(come) == 1:
            await first_may.wait()
        try:
            return await record(self, *login, **more)
        finally:
            first_may.set()

    monkeypatch.setattr(SignInBook, "begin", last_come_first)
    async with kept.scene("max_sessions_per_user = 1") as at, at.node() as second:
        browsers = [at.gate.browser(), second.browser()]
        urls = [await at.departed(browser) for browser in browsers]
        pages = await asyncio.gather(
            *[browser.fetch(url) for browser, url in zip(browsers, urls, strict=True)]
        )
        assert [page.status for page in pages] == [303, 303]
        await due(kept, at)
        assert sorted(await statuses(at, *browsers)) == [200, 401]


@pytest.mark.parametrize("by", ["sid", "sub"])
async def test_B116_B120_a_logout_token_ends_every_session_that_it_names(kept: Keeping, by: str) -> None:
    async with kept.scene() as at:
        at.issuer.claims = {"sid": "op-1"}
        first, second = [await at.signed_in() for _ in range(2)]
        at.issuer.claims = {"sid": "op-2"}
        bob = await at.signed_in("bob")
        assert await statuses(at, first, second, bob) == [200, 200, 200]
        named = {"sid": {"sid": "op-1"}, "sub": {"sub": "alice-at-the-issuer"}}[by]
        page = await at.gate.browser().request(
            "POST",
            f"{at.ours}/backchannel-logout/issuer",
            headers={"Content-Type": "application/x-www-form-urlencoded"},
            body=urlencode({"logout_token": logout_token(at.issuer, **named)}).encode(),
            follow=False,
        )
        assert page.status == 200
        await due(kept, at)
        assert await statuses(at, first, second, bob) == [401, 401, 200]


async def test_B122_S18_a_frame_of_the_issuer_ends_the_presented_session_alone(kept: Keeping) -> None:
    async with kept.scene() as at:
        at.issuer.claims = {"sid": "op-1"}
        mine, other = [await at.signed_in() for _ in range(2)]
        url = f"{at.ours}/frontchannel-logout/issuer?" + urlencode({"iss": at.issuer.url, "sid": "op-1"})
        assert (await mine.navigate(url.replace("op-1", "op-2"))).set_cookies == []
        assert await statuses(at, mine, other) == [200, 200]
        await mine.navigate(url)
        assert mine.cookie(at.url, COOKIE) is None
        assert await statuses(at, mine, other) == [401, 200]


async def test_B115_S19_the_browser_goes_to_the_issuer_after_the_local_end(kept: Keeping) -> None:
    async with kept.scene() as at:
        endpoint = offers_logout(at.issuer)
        alice = await at.signed_in()
        page = await at.signed_out(alice, federated="1")
        where, _, query = page.location.partition("?")
        assert where == endpoint
        assert parse_qs(query)["id_token_hint"][0].count(".") == 2
        assert await kept.kept() == 0
        assert await statuses(at, alice) == [401]


async def test_B121_the_operator_ends_all_sessions_that_began_before(kept: Keeping) -> None:
    async with kept.scene() as at:
        alice, bob = await at.signed_in(), await at.signed_in("bob")
        async with at.store() as store:
            await store.endings.end_everybody(int(at.clock()) + 10_000_000)
        await due(kept, at)
        assert await statuses(at, alice, bob) == [401, 401]
        at.clock.advance(1)
        assert await statuses(at, await at.signed_in()) == [200]


@pytest.mark.parametrize("scope", ["all", "others"])
async def test_B112_a_copy_that_ended_ends_nobody_else(kept: Keeping, scope: str) -> None:
    async with kept.scene() as at, at.node() as second:
        mine, other = [await at.signed_in() for _ in range(2)]
        stolen = second.browser()
        stolen.cookies[HOST] = dict(mine.cookies[HOST])
        await at.signed_out(mine)
        assert (await at.signed_out(stolen, scope=scope)).status == (303 if scope == "all" else 401)
        await due(kept, at)
        assert await statuses(at, other) == [200]


async def test_B131_sessions_and_endings_outlive_a_reload(kept: Keeping) -> None:
    async with kept.scene() as at:
        alice, bob = await at.signed_in(), await at.signed_in("bob")
        copy = at.gate.browser()
        copy.cookies[HOST] = dict(bob.cookies[HOST])
        await at.signed_out(bob)
        reload = reloading(at.gate, at.issuer)
        assert await reload(lambda text: text.replace("[session]", "[session]\nmax_age = '20d'"))
        assert await statuses(at, alice, copy) == [200, 401]
        assert await statuses(at, await at.signed_in("bob")) == [200]


LOCAL = '\n[[providers]]\nid = "local"\nname = "Password"\ntype = "password"\n'
NEW = "velvet harbour ostrich nineteen"


async def by_password(at: Scene, name: str = "ann@example.com") -> Browser:
    browser = at.gate.browser()
    sent = {"csrfToken": await at.csrf(browser), "username": name, "password": RIGHT}
    page = await browser.submit(f"{at.ours}/callback/local", sent, follow=False)
    assert page.status == 303
    return browser


async def test_B114_a_password_that_its_owner_changed_ends_their_other_sessions(kept: Keeping) -> None:
    async with kept.scene(more=LOCAL) as at, at.node() as second:
        async with at.store() as store:
            for name in ("ann@example.com", "bob@example.com"):
                await store.users.add(name, password_hash=await hash_of())
        mine, other, bob = [await by_password(at, f"{name}@example.com") for name in ("ann", "ann", "bob")]
        at.visits(other, second)
        assert await statuses(at, mine, other, bob) == [200, 200, 200]
        sent = {"csrfToken": await at.csrf(mine), "current": RIGHT, "new": NEW, "again": NEW}
        page = await mine.submit(f"{at.ours}/account/password", sent, follow=False)
        assert (page.status, page.location) == (303, f"{at.ours}/account?changed=password")
        await due(kept, at)
        assert await statuses(at, mine, other, bob) == [200, 401, 200]
        assert await kept.kept() == (2 if kept.stateful else 0)
    [changed] = at.gate.events("user.password_changed")
    assert changed["user_id"]
    assert RIGHT not in at.gate.log
    assert NEW not in at.gate.log

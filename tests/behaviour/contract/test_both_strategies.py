"""What holds for sessions however they are kept: BEHAVIOUR groups A to I over sockets and real stores."""

import asyncio
import string

import pytest

from tests.fakes.gateway import HOST, SECRET
from tests.fakes.keepings import ALL, Keeping
from tests.fakes.scene import COOKIE, MONTH, DomainBrowser, Scene, attributes, ours_in, seen, told

pytestmark = pytest.mark.parametrize("kept", ALL, indirect=True)

NEXT = "the next secret of this gateway, long enough"
ROLES = 'roles = ["admin"]'


def value(browser: object) -> str:
    found: str = browser.cookies[HOST][COOKIE]  # type: ignore[attr-defined]
    return found


async def with_cookie(at: Scene, cookie: str, name: str = COOKIE) -> object:
    """Send *cookie* from a browser that has nothing else."""
    thief = at.gate.browser()
    thief.cookies[HOST] = {name: cookie}
    return await thief.fetch(at.url + "/x")


async def test_B035_B039_S25_the_cookie_lives_until_the_absolute_end(kept: Keeping) -> None:
    async with kept.scene() as at:
        browser = at.gate.browser()
        page = await browser.navigate(await at.departed(browser), follow=False)
        [line] = ours_in(page)
        said = attributes(line)
        assert int(said["max-age"]) == MONTH
        assert {"httponly", "secure"} <= said.keys()
        assert (said["samesite"], said["path"]) == ("lax", "/")
        assert "domain" not in said


async def test_B043_without_remember_it_dies_with_the_browser_and_at_the_same_end(kept: Keeping) -> None:
    async with kept.scene() as at:
        browser = at.gate.browser()
        fields = {"csrfToken": await at.csrf(browser), "return_to": "/", "remember": "false"}
        left = await browser.submit(f"{at.ours}/signin/issuer", fields, follow=False)
        page = await browser.navigate(at.issuer.consent(left.location), follow=False)
        [line] = ours_in(page)
        assert not {"max-age", "expires"} & attributes(line).keys()
        at.clock.advance(MONTH - 1)
        assert (await browser.fetch(at.url + "/x")).status == 200
        at.clock.advance(1)
        assert (await browser.fetch(at.url + "/x")).status == 401


@pytest.mark.parametrize("planted", ["garbage", "somebody's", "one's own"])
async def test_B040_S01_a_login_makes_a_new_session_and_ends_the_presented_one(
    kept: Keeping, planted: str
) -> None:
    async with kept.scene() as at:
        alice = await at.signed_in()
        bob = await at.signed_in("bob")
        before = {"garbage": "x" * 87, "somebody's": value(bob), "one's own": value(alice)}[planted]
        alice.cookies[HOST][COOKIE] = before
        at.issuer.user = "alice"
        await alice.navigate(f"{at.ours}/signin?return_to=/")
        assert value(alice) != before
        assert (await alice.fetch(at.url + "/x")).status == 200
        assert seen(at.app.requests[-1], "X-User-Email") == ["alice@example.com"]
        if planted != "garbage":
            assert (await with_cookie(at, before)).status == 401  # type: ignore[attr-defined]


async def test_B045_the_app_is_told_who_calls(kept: Keeping) -> None:
    async with kept.scene() as at:
        alice = await at.signed_in()
        user = await at.user_id()
        for _ in range(3):
            assert (await alice.fetch(at.url + "/x")).status == 200
            assert seen(at.app.requests[-1], "X-User-Id") == [user]
            claims = told(at.app.requests[-1])
            assert (claims["sub"], claims["idp"], claims["auth_time"]) == (user, "issuer", int(at.clock()))


async def test_B012_each_login_has_the_same_user_id_and_a_session_of_its_own(kept: Keeping) -> None:
    async with kept.scene() as at:
        first, second = await at.signed_in(), await at.signed_in()
        assert value(first) != value(second)
        for browser in (first, second):
            await browser.fetch(at.url + "/x")
        one, other = (told(request) for request in at.app.requests[-2:])
        assert one["sub"] == other["sub"]
        assert one["sid"] != other["sid"]


async def test_B013_D12_first_logins_that_race_on_two_nodes_make_one_user(kept: Keeping) -> None:
    async with kept.scene() as at, at.node() as second:
        browsers = [gate.browser() for gate in (at.gate, second) for _ in range(3)]
        urls = [await at.departed(browser) for browser in browsers]
        pages = await asyncio.gather(
            *[browser.fetch(url) for browser, url in zip(browsers, urls, strict=True)]
        )
        assert [page.status for page in pages] == [303] * len(browsers)
        async with at.store() as store:
            [user] = await store.users.everyone()
            assert len(await store.users.accounts_of(user.id)) == 1


async def test_B049_the_session_endpoint_says_who_and_until_when(kept: Keeping) -> None:
    async with kept.scene() as at:
        alice = await at.signed_in()
        said = await at.session_of(alice)
        assert said["user"]["email"] == "alice@example.com"
        assert said["expires"] == "2027-02-14T08:00:00.000Z"
        assert await at.session_of(at.gate.browser()) is None


@pytest.mark.parametrize("harm", ["bit", "cut", "longer", "empty", "quoted", "other name", "doubled dot"])
async def test_B052_S02_what_is_not_exactly_ours_is_refused_alike(kept: Keeping, harm: str) -> None:
    async with kept.scene() as at:
        good = value(await at.signed_in())
        letters = string.ascii_letters + string.digits
        place = len(good) // 3
        other = next(letter for letter in letters if letter != good[place])
        bad = {
            "bit": good[:place] + other + good[place + 1 :],
            "cut": good[:-1],
            "longer": good + "A",
            "empty": "",
            "quoted": f'"{good}"',
            "other name": good,
            "doubled dot": good.replace(".", "..", 1),
        }[harm]
        thief = at.gate.browser()
        thief.cookies[HOST] = {("session" if harm == "other name" else COOKIE): bad}
        page = await thief.fetch(at.url + "/x")
        assert page.status == 401
        assert not {COOKIE, "session"} & thief.cookies[HOST].keys()
        assert at.app.requests[1:] == []


async def test_B052_S02_any_changed_character_ends_it(kept: Keeping) -> None:
    async with kept.scene() as at:
        good = value(await at.signed_in())
        places = range(len(good)) if len(good) < 100 else range(0, len(good), 37)
        answers = await asyncio.gather(
            *(
                with_cookie(at, good[:place] + ("A" if good[place] != "A" else "B") + good[place + 1 :])
                for place in places
            )
        )
        assert {answer.status for answer in answers} == {401}  # type: ignore[attr-defined]


async def test_B053_S03_of_two_cookies_the_one_that_opens_counts_and_the_other_goes(kept: Keeping) -> None:
    async with kept.scene() as at:
        alice = await at.signed_in()
        good = value(alice)
        page = await alice.fetch(at.url + "/x", Cookie=f"{COOKIE}=tossed")
        assert page.status == 200
        assert any(line.startswith(f"{COOKIE}={good.partition('.')[0][:4]}") for line in ours_in(page)) or (
            not kept.stateful
        )
        bob = await at.signed_in("bob")
        page = await alice.fetch(at.url + "/x", Cookie=f"{COOKIE}={value(bob)}")
        assert page.status == 401
    assert "ambiguous" in [event["reason"] for event in at.gate.events("session.rejected")]


@pytest.mark.parametrize("spelling", ["\u2000{0}", "\u0085{0}", "a {0}", "{0} ", "{0}x", "x{0}"])
async def test_B057_S03_a_name_that_only_looks_like_ours_is_not(kept: Keeping, spelling: str) -> None:
    async with kept.scene() as at:
        good = value(await at.signed_in())
        name = spelling.format(COOKIE).encode("utf-8")
        head = f"GET /x HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\nCookie: ".encode()
        answer = await at.raw(head + name + b"\xa0=" + good.encode() + b"\r\n\r\n")
        assert answer.status in (400, 401)


async def test_B098_B099_S08_nothing_moves_the_absolute_end(kept: Keeping) -> None:
    async with kept.scene('max_age = "3h"') as at:
        alice = await at.signed_in()
        for _ in range(35):
            at.clock.advance(300)
            assert (await alice.fetch(at.url + "/x")).status == 200
        at.clock.advance(299)
        assert (await alice.fetch(at.url + "/x")).status == 200
        at.clock.advance(1)
        page = await alice.fetch(at.url + "/x")
        assert page.status == 401
        assert alice.cookie(at.url, COOKIE) is None
    assert [event["reason"] for event in at.gate.events("session.rejected")] == ["absolute"]


async def test_B100_a_lowered_max_age_acts_at_once_and_a_raised_one_lengthens_nothing(kept: Keeping) -> None:
    async with kept.scene('max_age = "10d"') as at:
        alice, twin = await at.signed_in(), await at.signed_in()
        at.clock.advance(86_400)
        async with at.node(tables=kept.tables("max_age = '90d'")) as raised:
            at.visits(alice, raised)
            assert (await alice.fetch(at.url + "/x")).status == 200
            at.clock.advance(9 * 86_400)
            assert (await alice.fetch(at.url + "/x")).status == 401
            at.clock.advance(-9 * 86_400)
        async with at.node(tables=kept.tables("max_age = '1d'")) as lowered:
            at.visits(twin, lowered)
            assert (await twin.fetch(at.url + "/x")).status == 401


async def test_B105_S16_signing_out_clears_every_variant_and_ends_the_session_here(kept: Keeping) -> None:
    async with kept.scene() as at:
        alice = await at.signed_in()
        copy = value(alice)
        variants = ["session", "__Secure-session", f"{COOKIE}.1", "session.2"]
        alice.cookies[HOST].update(dict.fromkeys(variants, "old"))
        page = await at.signed_out(alice, return_to="/bye")
        assert (page.status, page.location) == (303, f"{at.url}/bye")
        assert not {COOKIE, *variants} & alice.cookies[HOST].keys()
        assert (await with_cookie(at, copy)).status == 401  # type: ignore[attr-defined]
        assert (await at.signed_out(alice)).status == 303


async def test_B106_S16_a_get_or_a_foreign_token_ends_nothing(kept: Keeping) -> None:
    async with kept.scene() as at:
        alice = await at.signed_in()
        assert (await alice.fetch(f"{at.ours}/signout")).status == 200
        page = await alice.submit(f"{at.ours}/signout", {"csrfToken": "no"}, follow=False)
        assert page.status == 403
        assert (await alice.fetch(at.url + "/x")).status == 200


@pytest.mark.parametrize("change", ["disabled", "deleted", "epoch"])
async def test_B082_B051_S09_who_is_gone_or_disabled_is_refused(kept: Keeping, change: str) -> None:
    async with kept.scene() as at:
        alice = await at.signed_in()
        statement = {
            "disabled": "UPDATE users SET enabled = FALSE",
            "deleted": "DELETE FROM users",  # by hand SQLite leaves the session behind, PostgreSQL does not
            "epoch": "UPDATE users SET epoch = epoch + 1",
        }[change]
        await kept.sql(statement)
        if not kept.stateful:
            at.clock.advance(600)
        await asyncio.sleep(0.05 if kept.pushed else 0)
        page = await alice.fetch(at.url + "/x")
        assert page.status == 401
        assert alice.cookie(at.url, COOKIE) is None
        assert not kept.stateful or await kept.kept() == 0
    gone = "unknown" if kept.stateful and kept.postgres else "user_missing"
    reason = {"disabled": "user_disabled", "deleted": gone, "epoch": "epoch"}[change]
    assert [event["reason"] for event in at.gate.events("session.rejected")] == [reason]


async def test_B067_B069_S09_roles_are_read_at_each_request_that_asks_for_them(kept: Keeping) -> None:
    async with kept.scene(route_keys=ROLES) as at:
        alice = at.gate.browser()
        assert (await alice.navigate(at.url + "/")).status == 403
        async with at.store() as store:
            await store.users.change_roles(await at.user_id(), grant=["admin"])
        assert (await alice.fetch(at.url + "/x")).status == 200
        assert seen(at.app.requests[-1], "X-User-Roles") == ["admin"]
        async with at.store() as store:
            await store.users.change_roles(await at.user_id(), revoke=["admin"])
        assert (await alice.fetch(at.url + "/x")).status == 403


async def test_B017_B018_a_login_of_somebody_else_switches_and_ends_the_old_session(kept: Keeping) -> None:
    async with kept.scene() as at:
        alice = await at.signed_in()
        old = value(alice)
        at.issuer.user = "bob"
        await alice.navigate(f"{at.ours}/signin?return_to=/")
        assert (await at.session_of(alice))["user"]["email"] == "bob@example.com"
        assert (await with_cookie(at, old)).status == 401  # type: ignore[attr-defined]
        async with at.store() as store:
            assert len(await store.users.everyone()) == 2


async def test_B129_B130_T25_keys_come_and_go(kept: Keeping) -> None:
    async with (
        kept.scene() as at,
        at.node(secret=f'["{NEXT}", "{SECRET}"]') as second,
        at.node(secret=f'"{NEXT}"') as third,
    ):
        old = await at.signed_in()
        at.visits(old, second)
        assert (await old.fetch(at.url + "/x")).status == 200
        new = second.browser()
        await new.navigate(at.url + "/")
        for browser in (old, new):
            at.visits(browser, third)
        assert (await new.fetch(at.url + "/x")).status == 200
        page = await old.navigate(at.url + "/x", follow=False)
        assert page.status == 302
        assert page.location.startswith(f"{at.ours}/signin")


@pytest.mark.parametrize("kind", ["login", "logins", "csrf"])
async def test_B132_G4_a_value_of_another_kind_is_no_session(kept: Keeping, kind: str) -> None:
    async with kept.scene() as at:
        browser = at.gate.browser()
        await at.csrf(browser)
        callback = await at.departed(browser)
        if kind == "logins":
            await browser.navigate(callback, follow=False)
            sealed = browser.cookies[HOST][f"{COOKIE}-logins"]
        else:
            [sealed] = [text for name, text in browser.cookies[HOST].items() if f"-{kind}" in name]
        assert (await with_cookie(at, sealed)).status == 401  # type: ignore[attr-defined]


async def test_B044_G4_a_cookie_of_another_gateway_or_name_is_no_session(kept: Keeping) -> None:
    async with kept.scene() as at:
        good = value(await at.signed_in())
        other = kept.tables(more="[session.cookie]\nname = 'other'")
        async with at.node(tables=other) as renamed:
            thief = renamed.browser()
            thief.cookies[HOST] = {"__Host-other": good}
            at.visits(thief, renamed)
            assert (await thief.fetch(at.url + "/x")).status == 401
        async with at.node(http=True) as elsewhere:
            thief = elsewhere.browser()
            thief.cookies["localhost"] = {"session": good}
            assert (await thief.fetch(elsewhere.url + "/x")).status == 401


async def test_B128_a_cookie_of_another_domain_is_cleared(kept: Keeping) -> None:
    domain = kept.tables(more='[session.cookie]\ndomain = "example.com"')
    async with kept.scene() as at, at.node(tables=domain) as wide:
        alice = await at.signed_in(browser=DomainBrowser(dict(at.gate.places)))
        at.visits(alice, wide)
        page = await alice.fetch(at.url + "/x")
        assert page.status == 401
        assert alice.cookie(at.url, COOKIE) is None


async def test_B144_S15_every_event_names_user_and_public_session_and_none_the_cookie(
    kept: Keeping,
) -> None:
    async with kept.scene() as at:
        alice = await at.signed_in()
        good = value(alice)
        user = await at.user_id()
        await alice.fetch(at.url + "/x")
        await at.signed_out(alice)
    [created] = at.gate.events("session.created")
    [ended] = at.gate.events("session.ended")
    [login] = at.gate.events("auth.login.success")
    [logout] = at.gate.events("logout")
    assert created["user_id"] == ended["user_id"] == login["user_id"] == logout["user_id"] == user
    assert len({event["session_id"] for event in (created, ended, login, logout)}) == 1
    for part in good.split("."):
        assert len(part) < 8 or part not in at.gate.log


async def test_B086_B066_fifty_requests_at_once_all_pass(kept: Keeping) -> None:
    async with kept.scene() as at:
        alice = await at.signed_in()
        at.clock.advance(601)
        copies = []
        for _ in range(50):
            copy = at.gate.browser()
            copy.cookies[HOST] = dict(alice.cookies[HOST])
            copies.append(copy)
        pages = await asyncio.gather(*(copy.fetch(at.url + "/x") for copy in copies))
        assert {page.status for page in pages} == {200}


async def test_B094_S10_a_clock_that_jumps_crashes_nothing_and_ends_nobody(kept: Keeping) -> None:
    async with kept.scene() as at:
        alice = await at.signed_in()
        kept_cookies = dict(alice.cookies[HOST])
        for jump in (3600, -3600, -3600, 3600):
            at.clock.advance(jump)
            assert (await alice.fetch(at.url + "/x")).status in (200, 401)
            alice.cookies[HOST] = dict(kept_cookies)
        assert (await alice.fetch(at.url + "/x")).status == 200

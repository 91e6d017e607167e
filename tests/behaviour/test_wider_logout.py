"""BEHAVIOUR group G over sockets: ending more than one session, here and at the issuer."""

import asyncio
import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import pytest

from tests.fakes.browser import Browser, Page
from tests.fakes.databases import file_in
from tests.fakes.gateway import HOST
from tests.fakes.issuer import ABSENT, HostileIssuer
from tests.fakes.issuer_logout import logout_token, offers_logout
from tests.fakes.lasting_app import LastingApp, echoed, tunnel
from tests.fakes.scene import COOKIE, Scene, scene, second_provider
from tests.fakes.store_calls import watched

STRICT = "[session]\nrevocation = 'strict'"
LIMIT = "[session]\nmax_sessions_per_user = 3"
SID: dict[str, object] = {"sid": "op-1"}


async def status(browser: Browser, at: Scene) -> int:
    return (await browser.fetch(at.url + "/")).status


async def announced(at: Scene, token: str, *, provider: str = "issuer") -> Page:
    """Post a logout token as an issuer does: without cookies, without an origin."""
    return await at.gate.browser().request(
        "POST",
        f"{at.ours}/backchannel-logout/{provider}",
        headers={"Content-Type": "application/x-www-form-urlencoded"},
        body=urlencode({"logout_token": token}).encode(),
        follow=False,
    )


async def ended(at: Scene, browser: Browser, public: str) -> Page:
    sent = {"csrfToken": await at.csrf(browser)}
    return await browser.submit(f"{at.ours}/account/sessions/{public}", sent, follow=False)


# scope


async def test_B112_scope_all_ends_this_one_now_and_the_others_at_their_renewal(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        mine, other, bob = [await at.signed_in(user) for user in ("alice", "alice", "bob")]
        page = await at.signed_out(mine, scope="all")
        assert page.status == 303
        assert await status(mine, at) == 401
        at.clock.advance(599)
        assert await status(other, at) == 200
        at.clock.advance(1)
        assert await status(other, at) == 401
        assert other.cookie(at.url, COOKIE) is None
        assert await status(bob, at) == 200
        assert await status(await at.signed_in("alice"), at) == 200
    assert [line["reason"] for line in at.gate.events("session.rejected")].count("epoch") == 1


async def test_B112_S20_scope_all_is_at_once_under_strict(tmp_path: Path) -> None:
    async with scene(tmp_path, tables=STRICT) as at, at.node(tables=STRICT) as second:
        mine, other = [await at.signed_in() for _ in range(2)]
        at.visits(other, second)
        await at.signed_out(mine, scope="all")
        assert await status(other, at) == 401


async def test_B112_scope_others_issues_this_one_anew_and_ends_the_rest(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        mine, other = [await at.signed_in() for _ in range(2)]
        copy = at.gate.browser()
        copy.cookies[HOST] = dict(mine.cookies[HOST])
        before = at.claims(mine)
        page = await at.signed_out(mine, scope="others")
        assert (page.status, page.location) == (303, f"{at.ours}/account")
        after = at.claims(mine)
        for kept in ("sub", "sid", "auth_time", "sexp"):
            assert after[kept] == before[kept]
        assert after["sep"] == before["sep"] + 1
        assert after["jti"] != before["jti"]
        at.clock.advance(600)
        assert [await status(each, at) for each in (mine, other, copy)] == [200, 401, 401]


async def test_B056_B112_what_is_live_with_the_session_that_goes_on_is_not_closed(tmp_path: Path) -> None:
    async with LastingApp() as app:
        live = f'[[routes]]\npath = "/live"\nupstream = "{app.url}"\nwebsocket = true\n'
        async with scene(tmp_path, tables=live) as at:
            mine, other = [await at.signed_in() for _ in range(2)]
            opened = [
                await tunnel(at.gate.port, "/live", cookie=f"{COOKIE}={browser.cookies[HOST][COOKIE]}")
                for browser in (mine, other)
            ]
            assert (await at.signed_out(mine, scope="others")).status == 303
            at.clock.advance(600)
            await opened[1].rest()
            assert await echoed(opened[0], b"hello") == b"hello"
            for each in opened:
                each.close()
    assert [event["reason"] for event in at.gate.events("session.cut")] == ["epoch"]


@pytest.mark.parametrize("scope", ["all", "others"])
async def test_B112_a_copy_that_ended_ends_nobody_else(tmp_path: Path, scope: str) -> None:
    async with scene(tmp_path) as at, at.node() as second:
        mine, other = [await at.signed_in() for _ in range(2)]
        stolen = second.browser()
        stolen.cookies[HOST] = dict(mine.cookies[HOST])
        await at.signed_out(mine)
        page = await at.signed_out(stolen, scope=scope)
        assert page.status == (303 if scope == "all" else 401)
        at.clock.advance(601)
        assert await status(other, at) == 200


async def test_B107_B112_an_outage_ends_this_one_says_so_and_keeps_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = watched(monkeypatch)
    async with scene(tmp_path) as at:
        mine, other = [await at.signed_in() for _ in range(2)]
        copy = at.gate.browser()
        copy.cookies[HOST] = dict(mine.cookies[HOST])
        tokens = [await at.csrf(each) for each in (mine, other)]
        calls.down = True
        page = await mine.submit(f"{at.ours}/signout", {"csrfToken": tokens[0], "scope": "all"}, follow=False)
        assert page.status == 503
        assert mine.cookie(at.url, COOKIE) is None
        assert await status(copy, at) == 401, "this node knows, whatever the database says"
        page = await other.submit(
            f"{at.ours}/signout", {"csrfToken": tokens[1], "scope": "others"}, follow=False
        )
        assert page.status == 503
        assert other.cookie(at.url, COOKIE) is not None
        calls.down = False
        assert await status(other, at) == 200


@pytest.mark.parametrize("scope", ["all", "others"])
async def test_B106_S16_without_a_good_token_no_session_ends(tmp_path: Path, scope: str) -> None:
    async with scene(tmp_path) as at:
        mine, other = [await at.signed_in() for _ in range(2)]
        for token in ("", await at.csrf(other)):
            sent = {"csrfToken": token, "scope": scope}
            assert (await mine.submit(f"{at.ours}/signout", sent, follow=False)).status == 403
        at.clock.advance(601)
        assert [await status(each, at) for each in (mine, other)] == [200, 200]


# the list of sessions


async def test_B113_the_account_page_lists_sessions_and_ends_one_of_them(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        mine, other = [await at.signed_in() for _ in range(2)]
        bob = await at.signed_in("bob")
        page = await mine.navigate(f"{at.ours}/account")
        assert page.text.count("this one") == 1
        (public,) = re.findall(r'/account/sessions/([0-9a-f]+)"', page.text)
        assert at.claims(other)["sid"] not in page.text
        assert (await ended(at, bob, public)).status == 404, "somebody else's"
        assert (await mine.fetch(f"{at.ours}/account/sessions/{public}")).status == 405
        assert (await ended(at, mine, public)).location == f"{at.ours}/account"
        assert "/account/sessions/" not in (await mine.navigate(f"{at.ours}/account")).text
        assert (await ended(at, mine, public)).status == 404
        at.clock.advance(600)
        assert [await status(each, at) for each in (mine, other, bob)] == [200, 401, 200]


async def test_B113_ending_this_one_by_its_id_signs_out(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        mine, other = [await at.signed_in() for _ in range(2)]
        page = await other.navigate(f"{at.ours}/account")
        (public,) = re.findall(r'/account/sessions/([0-9a-f]+)"', page.text)
        assert (await ended(at, mine, public)).location == f"{at.ours}/signout"
        assert mine.cookie(at.url, COOKIE) is None
        assert await status(mine, at) == 401


async def test_B113_last_seen_is_that_of_a_renewal(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        alice = await at.signed_in()
        start = int(at.clock())
        at.clock.advance(700)
        assert await status(alice, at) == 200
        async with at.store() as store, asyncio.timeout(10):
            while (await store.sign_ins.listed())[0].last_seen_at != start + 700:
                await asyncio.sleep(0.05)


async def test_B118_a_fourth_login_ends_the_oldest_at_its_next_renewal(tmp_path: Path) -> None:
    async with scene(tmp_path, tables=LIMIT) as at:
        browsers = []
        for _ in range(4):
            browsers.append(await at.signed_in())
            at.clock.advance(1)
        assert await status(browsers[0], at) == 200
        at.clock.advance(600)
        assert [await status(each, at) for each in browsers] == [401, 200, 200, 200]


async def test_B121_the_operator_s_cut_off_refuses_all_that_began_before(tmp_path: Path) -> None:
    async with scene(tmp_path, tables=STRICT) as at:
        alice, bob = [await at.signed_in(user) for user in ("alice", "bob")]
        async with at.store() as store:
            await store.endings.end_everybody(until=int(at.clock()) + 2_592_000)
        assert [await status(each, at) for each in (alice, bob)] == [401, 401]
        at.clock.advance(1)
        assert await status(await at.signed_in("alice"), at) == 200


async def test_B123_where_the_denylist_cannot_be_read_nobody_passes_and_no_cookie_goes(
    tmp_path: Path,
) -> None:
    async with scene(tmp_path, tables=STRICT) as at:
        alice = await at.signed_in()
        async with at.store() as store, store.users.ledger() as ledger:
            await ledger._transaction._connection.exec_driver_sql("ALTER TABLE cut_offs RENAME TO elsewhere")
        page = await alice.fetch(at.url + "/")
        assert page.status == 503
        assert page.set_cookies == []


# logout at the issuer


async def test_B115_S19_the_browser_goes_to_the_issuer_after_the_local_end_and_comes_back(
    tmp_path: Path,
) -> None:
    async with scene(tmp_path) as at:
        endpoint = offers_logout(at.issuer)
        alice = await at.signed_in()
        assert "Sign out of issuer too" in (await alice.navigate(f"{at.ours}/signout")).text
        page = await at.signed_out(alice, federated="1", return_to="/bye")
        assert page.status == 303
        assert alice.cookie(at.url, COOKIE) is None
        where, _, query = page.location.partition("?")
        sent = {name: values[0] for name, values in parse_qs(query).items()}
        assert where == endpoint
        assert sent["client_id"] == at.issuer.client_id
        assert sent["post_logout_redirect_uri"] == f"{at.ours}/signout"
        assert sent["id_token_hint"].count(".") == 2
        back = await alice.navigate(f"{at.ours}/signout?state={quote(sent['state'])}", follow=False)
        assert (back.status, back.location) == (303, f"{at.url}/bye")
        again = await alice.navigate(f"{at.ours}/signout?state={quote(sent['state'])}", follow=False)
        assert again.status == 200
        assert "You are signed out" in again.text
    assert sent["id_token_hint"].encode() not in file_in(tmp_path).read_bytes()
    assert sent["id_token_hint"] not in at.gate.log
    assert sent["state"] not in at.gate.log


async def test_R12_S19_a_return_with_another_state_leads_nowhere(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        offers_logout(at.issuer)
        alice = await at.signed_in()
        await at.signed_out(alice, federated="1", return_to="/bye")
        page = await alice.navigate(f"{at.ours}/signout?state={'s' * 43}", follow=False)
        assert (page.status, page.answer.values("location")) == (200, [])


@pytest.mark.parametrize("name", ["post_logout_redirect_uri", "id_token_hint"])
async def test_R12_what_goes_to_the_issuer_is_not_the_client_s_to_say(tmp_path: Path, name: str) -> None:
    async with scene(tmp_path) as at:
        offers_logout(at.issuer)
        alice = await at.signed_in()
        page = await at.signed_out(alice, federated="1", **{name: "https://evil.example/"})
        assert page.status == 400
        assert (await alice.navigate(f"{at.ours}/signout?{name}=x")).status == 400
        assert await status(alice, at) == 200


async def test_S19_an_issuer_that_is_down_or_has_no_such_place_keeps_nobody_signed_in(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        alice = await at.signed_in()
        page = await at.signed_out(alice, federated="1", return_to="/bye")
        assert page.location == f"{at.url}/bye"
        alice = await at.signed_in()
        at.issuer.fault = "discovery_down"
        at.clock.advance(3601)
        page = await at.signed_out(alice, federated="1", return_to="/bye")
        assert page.location == f"{at.url}/bye"
        assert alice.cookie(at.url, COOKIE) is None


async def test_B115_no_app_sees_the_cookie_of_a_logout(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        offers_logout(at.issuer)
        alice = await at.signed_in()
        await at.signed_out(alice, federated="1", return_to="/bye")
        assert alice.cookie(at.url, f"{COOKIE}-logout")
        await at.signed_in(browser=alice)
        assert b"-logout" not in at.app.requests[-1]


# the issuer's back channel


@pytest.mark.parametrize("by", ["sid", "sub"])
async def test_B116_B120_a_logout_token_ends_every_session_that_it_names(tmp_path: Path, by: str) -> None:
    async with scene(tmp_path) as at:
        at.issuer.claims = dict(SID)
        first, second = [await at.signed_in() for _ in range(2)]
        at.issuer.claims = {"sid": "op-2"}
        bob = await at.signed_in("bob")
        named = {"sid": {"sid": "op-1"}, "sub": {"sub": "alice-at-the-issuer"}}[by]
        page = await announced(at, logout_token(at.issuer, **named))
        assert page.status == 200
        assert b"no-store" in page.answer.values("cache-control")[0]
        at.clock.advance(600)
        assert [await status(each, at) for each in (first, second, bob)] == [401, 401, 200]
        assert await status(await at.signed_in(), at) == 200, "a newer session is not hidden"


async def test_B116_it_is_at_once_under_strict_and_on_every_node(tmp_path: Path) -> None:
    async with scene(tmp_path, tables=STRICT) as at, at.node(tables=STRICT) as second:
        at.issuer.claims = dict(SID)
        alice = await at.signed_in()
        at.visits(alice, second)
        await announced(at, logout_token(at.issuer, sid="op-1"))
        assert await status(alice, at) == 401


BAD: dict[str, dict[str, Any]] = {
    "another iss": {"iss": "https://other.example"},
    "another aud": {"aud": "another"},
    "no event": {"events": {}},
    "a nonce": {"nonce": "n"},
    "no jti": {"jti": ABSENT},
    "no iat": {"iat": ABSENT},
    "an old iat": {"iat": 1},
    "neither sid nor sub": {"sid": ABSENT},
}


@pytest.mark.parametrize("changes", BAD.values(), ids=BAD.keys())
async def test_B116_S17_a_token_that_does_not_hold_is_400_and_ends_none(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    async with scene(tmp_path, tables=STRICT) as at:
        at.issuer.claims = dict(SID)
        alice = await at.signed_in()
        page = await announced(at, logout_token(at.issuer, **{"sid": "op-1", **changes}))
        assert page.status == 400
        assert page.answer.values("content-type") == [b"application/json"]
        assert await status(alice, at) == 200
    (told,) = at.gate.events("logout.backchannel")
    assert told["outcome"] == "refused"


async def test_S17_a_replayed_token_ends_nothing_more_on_any_node(tmp_path: Path) -> None:
    async with scene(tmp_path, tables=STRICT) as at, at.node(tables=STRICT) as second:
        await at.signed_in()
        token = logout_token(at.issuer, sub="alice-at-the-issuer")
        assert (await announced(at, token)).status == 200
        at.clock.advance(1)
        alice = await at.signed_in()
        at.gate.places[at.url] = second.port
        assert (await announced(at, token)).status == 400
        assert await status(alice, at) == 200


async def test_S17_an_id_token_logs_nobody_out_and_a_huge_body_is_refused(tmp_path: Path) -> None:
    async with scene(tmp_path, tables=STRICT) as at:
        alice = await at.signed_in()
        for token in (
            at.issuer.id_token(user="alice", nonce="n" * 43, access_token="a"),
            "x" * 20_000,
            "x" * 100_000,
        ):
            assert (await announced(at, token)).status == 400
        assert await status(alice, at) == 200


async def test_S17_a_flood_under_unknown_keys_asks_the_issuer_once(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        await at.signed_in()
        seen = at.issuer.seen["jwks"]
        tokens = []
        at.issuer.rotate()
        at.issuer.published = []
        tokens = [logout_token(at.issuer, sid="op-1") for _ in range(20)]
        assert {(await announced(at, token)).status for token in tokens} == {400}
        assert at.issuer.seen["jwks"] <= seen + 1


async def test_B116_an_outage_is_503_and_the_issuer_s_next_try_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = watched(monkeypatch)
    async with scene(tmp_path, tables=STRICT) as at:
        at.issuer.claims = dict(SID)
        alice = await at.signed_in()
        token = logout_token(at.issuer, sid="op-1")
        calls.down = True
        page = await announced(at, token)
        assert page.status == 503
        assert page.answer.values("retry-after")
        calls.down = False
        assert (await announced(at, token)).status == 200
        assert await status(alice, at) == 401


async def test_B119_equal_values_of_another_issuer_do_not_match(tmp_path: Path) -> None:
    async with scene(tmp_path, tables=STRICT) as at, HostileIssuer(clock=at.clock) as other:
        tables = f"{STRICT}\n{second_provider(other)}"
        async with at.node(tables=tables) as both:
            at.issuer.claims = dict(SID)
            alice = await at.signed_in()
            at.visits(alice, both)
            at.gate.places[at.url] = both.port
            assert (await announced(at, logout_token(other, sid="op-1"), provider="second")).status == 200
            assert (
                await announced(at, logout_token(other, sub="alice-at-the-issuer"), provider="second")
            ).status == 200
            assert await status(alice, at) == 200
            assert (await announced(at, logout_token(other, sid="op-1"))).status == 400
            assert await status(alice, at) == 200


# the issuer's front channel


async def test_B122_S18_a_frame_of_the_issuer_ends_the_presented_session_alone(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        at.issuer.claims = dict(SID)
        mine, other = [await at.signed_in() for _ in range(2)]
        url = f"{at.ours}/frontchannel-logout/issuer?" + urlencode({"iss": at.issuer.url, "sid": "op-1"})
        stranger = await at.gate.browser().navigate(url)
        assert stranger.status == 200
        foreign = await mine.navigate(url.replace("op-1", "op-2"))
        assert foreign.set_cookies == []
        page = await mine.navigate(url)
        origin = "{0.scheme}://{0.netloc}".format(urlsplit(at.issuer.url))
        assert f"frame-ancestors {origin};".encode() in page.answer.values("content-security-policy")[0]
        assert page.answer.values("x-frame-options") == []
        assert mine.cookie(at.url, COOKIE) is None
        at.clock.advance(600)
        assert await status(other, at) == 200
        assert at.issuer.seen["token"] == 2, "nothing is asked of the issuer"

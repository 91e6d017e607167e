"""BEHAVIOUR group J over sockets: provider tokens that upstreams are given, and their refresh."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from gateway.flows.places import AT_ONCE
from gateway.front.lane import Lane
from tests.fakes.browser import Browser
from tests.fakes.databases import file_in, hand
from tests.fakes.gateway import HOST, SECRET
from tests.fakes.lasting_app import HANDSHAKE, LastingApp
from tests.fakes.raw_client import RawConnection, get
from tests.fakes.refreshing import RefreshingIssuer
from tests.fakes.scene import COOKIE, Scene, scene, seen
from tests.fakes.store_calls import watched

STATEFUL = "[session]\nstrategy = 'stateful'"
NEXT = "the next secret of this gateway, long enough"
FORWARD = 'forward_token = "access_token"'
APP = """
[[routes]]
path = "/plain"
upstream = "{app}"
"""


def forwarding(folder: Path, more: str = "", **keys: Any) -> Any:
    tables = keys.pop("tables", "") + APP
    return scene(folder, issued_by=RefreshingIssuer, route_keys=f"{FORWARD}\n{more}", tables=tables, **keys)


def issuer_of(at: Scene) -> RefreshingIssuer:
    assert isinstance(at.issuer, RefreshingIssuer)
    return at.issuer


def bearer(at: Scene) -> str:
    """Return the access token that the app was given last."""
    (line,) = seen(at.app.requests[-1], "Authorization")
    kind, _, token = line.partition(" ")
    assert kind == "Bearer"
    return token


async def status(browser: Browser, at: Scene, path: str = "/x") -> int:
    return (await browser.fetch(at.url + path)).status


@pytest.mark.parametrize("tables", ["", STATEFUL])
async def test_B134_the_upstream_gets_the_access_token_and_a_fresh_one_before_the_old_expires(
    tmp_path: Path, tables: str
) -> None:
    async with forwarding(tmp_path, tables=tables) as at:
        alice = await at.signed_in()
        first = bearer(at)
        assert first == issuer_of(at).current
        at.clock.advance(239)
        assert await status(alice, at) == 200
        assert (bearer(at), issuer_of(at).refreshes) == (first, 0)
        at.clock.advance(1)
        assert await status(alice, at) == 200
        assert bearer(at) == issuer_of(at).current != first
        assert issuer_of(at).refreshes == 1


async def test_B134_B092_other_routes_and_renewals_never_cause_a_refresh(tmp_path: Path) -> None:
    async with forwarding(tmp_path) as at:
        alice = await at.signed_in()
        at.clock.advance(5_000)
        assert await status(alice, at, "/plain/x") == 200
        assert seen(at.app.requests[-1], "Authorization") == []
        assert issuer_of(at).refreshes == 0


async def test_I18_a_clients_own_word_is_replaced_where_a_token_is_forwarded_and_kept_elsewhere(
    tmp_path: Path,
) -> None:
    async with forwarding(tmp_path, 'access = "optional"') as at:
        alice = await at.signed_in(path="/plain")
        sent = {"authorization": "Bearer stolen", "AUTHORIZATION": "Basic eDp5"}
        for path, expected in (("/x", [f"Bearer {issuer_of(at).current}"]), ("/plain", list(sent.values()))):
            await alice.request("GET", at.url + path, headers=sent, follow=False)
            assert seen(at.app.requests[-1], "Authorization") == expected
        nobody = at.gate.browser()
        await nobody.request("GET", at.url + "/x", headers=sent, follow=False)
        assert seen(at.app.requests[-1], "Authorization") == []


async def test_a_token_goes_in_the_header_that_the_route_names(tmp_path: Path) -> None:
    more = 'token_header = "X-Forwarded-Access-Token"\ntoken_scheme = "off"'
    async with forwarding(tmp_path, more) as at:
        alice = await at.signed_in()
        for path, expected in (("/x", [issuer_of(at).current]), ("/plain", [])):
            sent = {"X-Forwarded-Access-Token": "forged", "X_Forwarded_Access_Token": "forged"}
            await alice.request("GET", at.url + path, headers=sent, follow=False)
            assert seen(at.app.requests[-1], "X-Forwarded-Access-Token") == expected
            assert b"forged" not in at.app.requests[-1]


async def test_B077_a_warm_session_asks_nobody_for_its_token_and_takes_the_fast_lane(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[bool] = []

    def noted(pass_on: Callable[..., bool]) -> Callable[..., bool]:
        def noting(self: Lane, *given: object) -> bool:
            taken.append(pass_on(self, *given))
            return taken[-1]

        return noting

    for name in ("take", "repeat"):
        monkeypatch.setattr(Lane, name, noted(getattr(Lane, name)))
    async with forwarding(tmp_path, fast_lane=True) as at:
        alice = await at.signed_in()
        calls = watched(monkeypatch)
        lines = f"Host: {HOST}\r\nCookie: {COOKIE}={alice.cookies[HOST][COOKIE]}\r\nAuthorization: x\r\n\r\n"
        request = f"GET /x HTTP/1.1\r\n{lines}".encode()
        async with await RawConnection.open(at.gate.port) as client:
            for lane, later, asked in (
                (False, 0, 1),
                (True, 0, 0),
                (True, 29, 0),
                (False, 1, 1),
                (True, 0, 0),
            ):
                at.clock.advance(later)
                before = calls.total
                await client.write(request)
                assert (await client.answer()).status == 200
                assert (taken[-1], calls.total - before) == (lane, asked)
                assert bearer(at) == issuer_of(at).current


async def test_B127_tokens_of_6_KB_leave_the_cookie_as_it_is(tmp_path: Path) -> None:
    class Verbose(RefreshingIssuer):
        def _given(self, family: str) -> dict[str, object]:
            answer = super()._given(family)
            long = str(answer["access_token"]) + "x" * 6000
            self._access[long] = self._access[str(answer["access_token"])]
            self.given[-1] = long
            asked = self._families[family]
            id_token = self.id_token(user=asked["user"], nonce=asked["nonce"], access_token=long)
            return {**answer, "access_token": long, "id_token": id_token}

    async with scene(tmp_path, issued_by=Verbose, route_keys=FORWARD) as at:
        alice = await at.signed_in()
        assert bearer(at) == issuer_of(at).current
        assert len(bearer(at)) > 6000
        assert [
            name for name in alice.cookies[HOST] if name.startswith(COOKIE) and name != f"{COOKIE}-logins"
        ] == [COOKIE]
        assert len(alice.cookies[HOST][COOKIE]) < 2000


async def test_S12_O34_tokens_are_nowhere_in_clear(tmp_path: Path) -> None:
    async with forwarding(tmp_path) as at:
        alice = await at.signed_in()
        at.clock.advance(250)
        assert await status(alice, at) == 200
        kept = [file_in(tmp_path), *tmp_path.glob("*-wal")]
        assert all(b"canary" not in path.read_bytes() for path in kept)
        assert len(hand(tmp_path, "SELECT * FROM refreshed_grants")) == 1
    assert "canary" not in at.gate.log


async def test_B044_a_grant_moved_to_another_row_does_not_open(tmp_path: Path) -> None:
    async with forwarding(tmp_path) as at:
        alice, bob = await at.signed_in("alice"), await at.signed_in("bob")
        sealed = hand(tmp_path, "SELECT sealed FROM provider_grants ORDER BY rowid")
        assert len(sealed) == 2
        hand(
            tmp_path,
            "UPDATE provider_grants SET sealed = (SELECT sealed FROM provider_grants WHERE rowid = 1)"
            " WHERE rowid = 2",
        )
        at.clock.advance(61)
        assert await status(alice, at) == 200
        assert await status(bob, at) == 401
        assert await status(bob, at, "/plain") == 200


async def test_nothing_is_kept_where_no_route_forwards_a_token(tmp_path: Path) -> None:
    async with scene(tmp_path, issued_by=RefreshingIssuer) as at:
        await at.signed_in()
        assert hand(tmp_path, "SELECT * FROM provider_grants") == []


async def test_sessions_of_one_account_each_spend_their_own_refresh_token(tmp_path: Path) -> None:
    async with forwarding(tmp_path) as at:
        browsers = [await at.signed_in() for _ in range(3)]
        for _ in range(3):
            at.clock.advance(280)
            assert [await status(each, at) for each in browsers] == [200] * 3
        assert issuer_of(at).refreshes == 9
        assert issuer_of(at).revoked == set()


async def test_B135_O25_fifty_requests_on_two_nodes_cause_one_refresh(tmp_path: Path) -> None:
    async with forwarding(tmp_path) as at, at.node() as second:
        alice = await at.signed_in()
        copy = at.gate.browser()
        copy.cookies[HOST] = dict(alice.cookies[HOST])
        at.visits(copy, second)
        at.clock.advance(290)
        answers = await asyncio.gather(*(status(each, at) for each in (alice, copy) for _ in range(25)))
        assert answers == [200] * 50
        assert issuer_of(at).refreshes == 1
        assert {seen(each, "Authorization")[0] for each in at.app.requests[-50:]} == {
            f"Bearer {issuer_of(at).current}"
        }


async def test_B135_sessions_that_fall_due_in_one_moment_do_not_flood_their_issuer(tmp_path: Path) -> None:
    async with forwarding(tmp_path) as at:
        issuer = issuer_of(at)
        everybody = [await at.signed_in() for _ in range(3 * AT_ONCE)]
        at.clock.advance(301)
        issuer.gate.clear()
        asking = [asyncio.create_task(status(each, at)) for each in everybody]
        async with asyncio.timeout(10):
            while issuer.refreshes < AT_ONCE:
                await asyncio.sleep(0.01)
        assert await status(everybody[0], at, "/plain") == 200, "others are served meanwhile"
        issuer.gate.set()
        assert await asyncio.gather(*asking) == [200] * len(everybody)
        assert (issuer.refreshes, issuer.most_at_once) == (len(everybody), AT_ONCE)


async def test_B139_a_refresh_without_a_new_refresh_token_keeps_the_old_one(tmp_path: Path) -> None:
    async with forwarding(tmp_path) as at:
        issuer_of(at).rotating = False
        issuer_of(at).lifetime = 20
        alice = await at.signed_in()
        for turn in range(1, 4):
            at.clock.advance(19)
            assert await status(alice, at) == 200
            assert (issuer_of(at).refreshes, bearer(at)) == (turn, issuer_of(at).current)


@pytest.mark.parametrize("fault", ["down", "html", "unknown_client", "cut", "dpop"])
async def test_B140_O23_while_the_token_lives_trouble_at_the_issuer_is_not_seen(
    tmp_path: Path, fault: str
) -> None:
    async with forwarding(tmp_path) as at:
        alice = await at.signed_in()
        first = bearer(at)
        issuer_of(at).refresh_faults = {fault}
        at.clock.advance(290)
        assert [await status(alice, at) for _ in range(3)] == [200] * 3
        assert bearer(at) == first
        assert issuer_of(at).refreshes == 1, "the failure is remembered"
        if fault in ("cut", "dpop"):
            return
        at.clock.advance(10)
        page = await alice.fetch(at.url + "/x")
        assert page.status == 503
        assert b"\r\nretry-after: " in page.answer.head.lower()
        assert alice.cookie(at.url, COOKIE) is not None
        assert await status(alice, at, "/plain") == 200
        issuer_of(at).refresh_faults = set()
        at.clock.advance(6)
        assert await status(alice, at) == 200
        assert bearer(at) == issuer_of(at).current


async def test_B142_an_answer_that_was_lost_leads_to_one_more_try_and_then_to_a_login(
    tmp_path: Path,
) -> None:
    async with forwarding(tmp_path) as at:
        alice = await at.signed_in()
        issuer_of(at).refresh_faults = {"cut"}
        at.clock.advance(301)
        assert await status(alice, at) == 503
        issuer_of(at).refresh_faults = set()
        for _ in range(3):
            at.clock.advance(6)
            assert await status(alice, at) == 401
        assert issuer_of(at).refreshes == 2
        assert await status(alice, at, "/plain") == 200


@pytest.mark.parametrize(("choice", "expected"), [("login", 401), ("deny", 403), ("keep", 200)])
async def test_B137_O24_O27_a_refused_grant_asks_for_a_login_and_ends_no_session(
    tmp_path: Path, choice: str, expected: int
) -> None:
    async with forwarding(tmp_path, f'on_refresh_error = "{choice}"') as at:
        alice = await at.signed_in()
        issuer_of(at).refresh_faults = {"refused"}
        at.clock.advance(299)
        assert [await status(alice, at) for _ in range(3)] == [expected] * 3
        assert issuer_of(at).refreshes == 1, "a refused token is not presented again"
        assert await status(alice, at, "/plain") == 200
        assert hand(tmp_path, "SELECT sealed, dead FROM provider_grants") == [("", "refused")]
        issuer_of(at).refresh_faults = set()
        assert (await alice.navigate(at.ours + "/signin?return_to=/plain")).status == 200
        assert await status(alice, at) == 200
        assert bearer(at) == issuer_of(at).current
    assert [line["reason"] for line in at.gate.events("tokens.refresh")] == ["refused"]


async def test_keep_goes_on_with_an_expired_token_while_the_issuer_is_down(tmp_path: Path) -> None:
    async with forwarding(tmp_path, 'on_refresh_error = "keep"') as at:
        alice = await at.signed_in()
        first = bearer(at)
        issuer_of(at).refresh_faults = {"down"}
        at.clock.advance(400)
        assert await status(alice, at) == 200
        assert bearer(at) == first


@pytest.mark.parametrize("fault", ["other_sub", "other_iss", "other_aud", "other_nonce", "unsigned"])
@pytest.mark.parametrize("choice", ["login", "keep"])
async def test_B143_O28_a_refreshed_id_token_about_somebody_else_ends_the_session(
    tmp_path: Path, fault: str, choice: str
) -> None:
    async with forwarding(tmp_path, f'on_refresh_error = "{choice}"') as at:
        alice = await at.signed_in()
        issuer_of(at).refresh_faults = {fault}
        at.clock.advance(299)
        requests = len(at.app.requests)
        assert await status(alice, at) == 401
        assert len(at.app.requests) == requests, "nothing reached the app"
        assert await status(alice, at, "/plain") == 401
        assert hand(tmp_path, "SELECT sealed, dead FROM provider_grants") == [("", "foreign")]
    assert [line["reason"] for line in at.gate.events("tokens.refresh")] == ["foreign"]


async def test_B141_U26_a_client_that_hangs_up_does_not_stop_a_refresh(tmp_path: Path) -> None:
    async with forwarding(tmp_path) as at:
        alice = await at.signed_in()
        issuer = issuer_of(at)
        issuer.gate.clear()
        at.clock.advance(301)
        leaving = asyncio.create_task(alice.fetch(at.url + "/x"))
        await asyncio.wait_for(issuer.presented.wait(), 10)
        leaving.cancel()
        await asyncio.wait([leaving])
        issuer.gate.set()
        assert await status(alice, at) == 200
        assert (issuer.refreshes, bearer(at)) == (1, issuer.current)


async def test_a_token_whose_end_is_unknown_is_taken_to_live_an_hour(tmp_path: Path) -> None:
    async with forwarding(tmp_path) as at:
        issuer_of(at).lifetime = None
        alice = await at.signed_in()
        at.clock.advance(3599)
        assert await status(alice, at) == 200
        assert issuer_of(at).refreshes == 0
        at.clock.advance(31)
        assert await status(alice, at) == 200
        assert issuer_of(at).refreshes == 1


async def test_B129_B130_grants_outlive_a_rotated_secret_and_not_one_taken_out(tmp_path: Path) -> None:
    async with forwarding(tmp_path) as at, at.node(secret=f'["{NEXT}", "{SECRET}"]') as second:
        alice, bob = await at.signed_in("alice"), await at.signed_in("bob")
        for each in (alice, bob):
            at.visits(each, second)
        at.clock.advance(600)
        assert await status(alice, at) == 200
        assert bearer(at) == issuer_of(at).current
        assert await status(bob, at, "/plain") == 200, "his session is under the new key, his grant is not"
        async with at.node(secret=f'"{NEXT}"') as third:
            for each in (alice, bob):
                at.visits(each, third)
            assert [await status(each, at, "/plain") for each in (alice, bob)] == [200, 200]
            assert [await status(each, at) for each in (alice, bob)] == [200, 401]


async def test_a_websocket_takes_the_token_along(tmp_path: Path) -> None:
    async with LastingApp() as app:
        keys = f'[[routes]]\npath = "/live"\nupstream = "{app.url}"\nwebsocket = true\n{FORWARD}\n'
        async with scene(tmp_path, issued_by=RefreshingIssuer, tables=keys) as at:
            alice = await at.signed_in()
            cookie = f"{COOKIE}={alice.cookies[HOST][COOKIE]}"
            lines = (*HANDSHAKE, f"Cookie: {cookie}", f"Origin: https://{HOST}", "Authorization: x")
            async with await RawConnection.open(at.gate.port) as connection:
                await connection.write(get("/live", *lines, host=HOST))
                assert (await connection.answer(head_only=True)).status == 101
            assert seen(app.heads[-1], "Authorization") == [f"Bearer {issuer_of(at).current}"]


# Revocation


async def forgotten(at: Scene, count: int) -> list[str]:
    """Return what the issuer was told to forget, once that were so many tokens."""
    async with asyncio.timeout(10):
        while len(issuer_of(at).forgotten) < count:
            await asyncio.sleep(0.02)
    return issuer_of(at).forgotten


@pytest.mark.parametrize("tables", ["", STATEFUL])
async def test_B117_the_last_session_of_an_account_revokes_its_tokens_and_others_do_not(
    tmp_path: Path, tables: str
) -> None:
    async with forwarding(tmp_path, tables=tables) as at:
        one, two = await at.signed_in(), await at.signed_in()
        last = issuer_of(at).current
        assert (await at.signed_out(one)).status == 303
        async with asyncio.timeout(10):
            while len(hand(tmp_path, "SELECT key FROM provider_grants")) > 1:
                await asyncio.sleep(0.02)
        assert issuer_of(at).forgotten == []
        assert (await at.signed_out(two)).status == 303
        told = await forgotten(at, 2)
        assert told[1] == last
        async with asyncio.timeout(10):
            while hand(tmp_path, "SELECT key FROM provider_grants"):
                await asyncio.sleep(0.02)
    (line,) = at.gate.events("tokens.revoked")
    assert line["outcome"] == "success"


@pytest.mark.parametrize("tables", ["", STATEFUL])
async def test_B117_signing_out_everywhere_revokes_the_tokens_of_every_session(
    tmp_path: Path, tables: str
) -> None:
    async with forwarding(tmp_path, tables=tables) as at:
        browsers = [await at.signed_in() for _ in range(3)]
        await at.signed_out(browsers[0], scope="all")
        told = await forgotten(at, 6)
        assert set(issuer_of(at).given) < set(told)


@pytest.mark.parametrize("answer", [0, 503])
async def test_B117_an_issuer_that_is_silent_or_down_holds_up_no_logout(tmp_path: Path, answer: int) -> None:
    async with forwarding(tmp_path) as at:
        alice = await at.signed_in()
        issuer_of(at).revocation_status = answer
        async with asyncio.timeout(10):
            assert (await at.signed_out(alice)).status == 303
            assert await status(alice, at, "/plain") == 401


async def test_B117_who_is_disabled_at_the_command_line_loses_the_tokens(tmp_path: Path) -> None:
    async with forwarding(tmp_path) as at, at.store() as store:
        await at.signed_in()
        await store.users.set_enabled(await at.user_id(), enabled=False)
        async with at.node():  # a node looks when it starts, as every minute
            assert len(await forgotten(at, 2)) == 2


# Tokens made for one upstream

FOR_ONE = """
[upstreams.api]
urls = ["{app}"]
KEYS
[[routes]]
path = "/api"
upstream = "api"
forward_token = "access_token"
"""


@pytest.mark.parametrize("tables", ["", STATEFUL])
async def test_an_upstream_with_a_resource_gets_a_token_made_for_it(tmp_path: Path, tables: str) -> None:
    tables += FOR_ONE.replace("KEYS", 'resource = "urn:api"')
    async with forwarding(tmp_path, tables=tables) as at:
        alice = at.gate.browser()
        page = await alice.navigate(f"{at.ours}/signin?return_to=/", follow=False)
        assert parse_qs(urlsplit(page.location).query)["resource"] == ["urn:api"]
        await at.signed_in(browser=alice)
        plain = bearer(at)
        assert await status(alice, at, "/api/x") == 200
        made = bearer(at)
        assert made == issuer_of(at).current != plain
        assert await status(alice, at) == 200
        assert bearer(at) == plain
        assert issuer_of(at).asked_for == ["urn:api"]
        at.clock.advance(250)
        both = await asyncio.gather(
            *(status(alice, at, path) for path in ("/api/x", "/x") for _ in range(10))
        )
        assert both == [200] * 20
        assert sorted(map(str, issuer_of(at).asked_for)) == ["None", "urn:api", "urn:api"]
        assert issuer_of(at).revoked == set()


async def test_an_upstream_with_an_audience_gets_an_exchanged_token_and_no_other(tmp_path: Path) -> None:
    tables = FOR_ONE.replace("KEYS", 'exchange_audience = "wiki-api"')
    async with forwarding(tmp_path, tables=tables) as at:
        alice = await at.signed_in()
        plain = bearer(at)
        assert [await status(alice, at, "/api/x") for _ in range(3)] == [200] * 3
        assert bearer(at).endswith("wiki-api")
        assert [form["subject_token"] for form in issuer_of(at).exchanges] == [plain]
        at.clock.advance(250)
        assert await status(alice, at, "/api/x") == 200
        assert len(issuer_of(at).exchanges) == 2
        issuer_of(at).exchange_answer = {"status": 400, "error": "invalid_target"}
        at.clock.advance(400)
        assert await status(alice, at, "/api/x") == 403
        assert await status(alice, at) == 200
    assert "canary" not in at.gate.log


async def test_a_login_that_brings_no_token_for_an_upstream_leads_round_in_no_circle(tmp_path: Path) -> None:
    tables = FOR_ONE.replace("KEYS", 'resource = "urn:api"')
    async with forwarding(tmp_path, tables=tables) as at:
        issuer_of(at).refresh_faults = {"refused"}
        page = await at.gate.browser().navigate(at.url + "/api/x")
        assert page.status == 403
        assert issuer_of(at).seen["authorize"] == 1

"""ATTACKS group S against a whole gateway; rows proven in tests/behaviour are not repeated here."""

import asyncio
import json
import re
from pathlib import Path

import pytest

from gateway.errors import StoreUnavailable
from gateway.flows.revocation import Revocations
from gateway.store.endings import Endings
from tests.fakes.databases import file_in
from tests.fakes.gateway import HOST
from tests.fakes.issuer import HostileIssuer
from tests.fakes.raw_client import RawConnection, get
from tests.fakes.scene import COOKIE, MONTH, PREFIX, attributes, ours_in, scene, second_provider, seen
from tests.fakes.store_calls import watched


def cookie_line(value: str) -> str:
    return f"Cookie: {COOKIE}={value}"


async def test_S02_one_flipped_bit_anywhere_is_anonymous_and_cleared(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        alice = await at.signed_in()
        value = alice.cookies[HOST][COOKIE].encode()
        answers = set()
        async with await RawConnection.open(at.gate.port) as connection:
            for place in range(0, len(value), 7):
                for bit in (0, 2, 5):
                    flipped = bytes([*value[:place], value[place] ^ (1 << bit), *value[place + 1 :]])
                    if flipped[place] in b'";,\\ \x7f' or not 0x20 < flipped[place] < 0x7F:
                        continue
                    head = get("/x", "Accept: */*", cookie_line(flipped.decode()), host=HOST)
                    await connection.write(head)
                    answer = await connection.answer()
                    answers.add((answer.status, tuple(answer.values("set-cookie"))))
        assert len(answers) == 1
        [(status, cleared)] = answers
        assert status == 401
        assert [line for line in cleared if b"Max-Age=0" in line] == list(cleared)
        assert len(at.app.requests) == 1


async def test_S07_an_older_cookie_brings_back_no_role_that_was_taken(tmp_path: Path) -> None:
    async with scene(tmp_path, route_keys='roles = ["editor"]\nroles_from = "token"') as at:
        alice = at.gate.browser()
        await alice.navigate(f"{at.ours}/signin?return_to=/")
        async with at.store() as store:
            await store.users.change_roles(await at.user_id(), grant=["editor"])
        at.clock.advance(600)
        assert (await alice.fetch(at.url + "/x")).status == 200
        older = alice.cookies[HOST][COOKIE]
        async with at.store() as store:
            await store.users.change_roles(await at.user_id(), revoke=["editor"])
        at.clock.advance(600)
        assert (await alice.fetch(at.url + "/x")).status == 403
        alice.cookies[HOST][COOKIE] = older
        assert (await alice.fetch(at.url + "/x")).status == 403


async def test_S09_a_role_given_is_there_at_once_and_a_lost_user_at_the_renewal(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        alice = await at.signed_in()
        async with at.store() as store:
            await store.users.delete(await at.user_id())
        at.clock.advance(599)
        assert (await alice.fetch(at.url + "/x")).status == 200
        at.clock.advance(1)
        assert (await alice.fetch(at.url + "/x")).status == 401


async def test_S01_another_account_makes_another_session(tmp_path: Path) -> None:
    async with (
        HostileIssuer() as other,
        scene(tmp_path, tables=second_provider(other)) as at,
    ):
        other.clock, other.user = at.clock, "bob"
        at.gate.places[other.url] = int(other.url.rpartition(":")[2])
        alice = at.gate.browser()
        await alice.navigate(f"{at.ours}/signin/issuer?return_to=/")
        old = alice.cookies[HOST][COOKIE]
        form = {"csrfToken": await at.csrf(alice)}
        await alice.submit(f"{at.ours}/account/link/second", form)
        assert at.claims(alice)["sid"] != at.opened(old)["sid"]
        answer = await at.raw(get("/x", cookie_line(old), host=HOST))
        assert answer.status == 401


@pytest.mark.parametrize(
    "nonsense",
    [
        {"exp": 2**53},
        {"sexp": 2**63},
        {"iat": -1},
        {"auth_time": -1},
        {"exp": "1800000600"},
        {"exp": 1e300},
        {"exp": None},
        {"iat": True},
        {"sexp": 1_802_592_000.5},
    ],
)
async def test_S11_nonsense_in_place_of_a_time_is_refused(
    tmp_path: Path, nonsense: dict[str, object]
) -> None:
    async with scene(tmp_path) as at:
        alice = await at.signed_in()
        value = at.sealed({**at.claims(alice), **nonsense})
        answer = await at.raw(get("/x", cookie_line(value), host=HOST))
        assert answer.status == 401
        assert len(at.app.requests) == 1


async def test_S11_the_year_2038_is_a_year_like_others(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        at.clock.now = 2**31 - 300
        alice = await at.signed_in()
        at.clock.advance(600)
        assert (await alice.fetch(at.url + "/x")).status == 200
        assert at.claims(alice)["sexp"] == 2**31 - 300 + MONTH


async def test_S10_five_minutes_of_difference_grant_nothing_for_longer(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        alice = await at.signed_in()
        end = at.claims(alice)["sexp"]
        at.clock.now = end - 300
        await alice.fetch(at.url + "/x")
        assert at.claims(alice)["exp"] == end
        at.clock.now = end
        assert (await alice.fetch(at.url + "/x")).status == 401
        at.clock.advance(-300)
        assert alice.cookie(at.url, COOKIE) is None


async def test_S15_a_session_is_told_by_its_public_name_only(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        alice = await at.signed_in()
        claims = at.claims(alice)
        pages = [await alice.navigate(at.ours + path) for path in ("/account", "/signout", "/session")]
        assert not any(claims["sid"] in page.text or claims["jti"] in page.text for page in pages)
        assert not any(claims["sid"].encode() in request for request in at.app.requests)
    for secret in (claims["sid"], claims["jti"]):
        assert secret not in at.gate.log
    assert claims["sid"].encode() not in file_in(tmp_path).read_bytes()


@pytest.mark.parametrize(
    "path", ["/account", "/signout", "/session", "/signin/issuer", "/csrf", "/providers"]
)
async def test_S21_none_of_our_pages_is_kept(tmp_path: Path, path: str) -> None:
    async with scene(tmp_path) as at:
        alice = await at.signed_in()
        page = await alice.navigate(at.ours + path, follow=False)
        assert page.answer.values("cache-control") == [b"private, no-store"]


async def test_S21_signing_out_makes_the_browser_forget(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        alice = await at.signed_in()
        page = await at.signed_out(alice)
        assert page.answer.values("clear-site-data") == [b'"cache"']


async def test_S21_ending_one_s_own_session_in_the_list_makes_it_forget_too(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        alice = await at.signed_in()
        async with at.store() as store:
            [mine] = await store.sign_ins.listed()
        sent = {"csrfToken": await at.csrf(alice)}
        page = await alice.submit(f"{at.ours}/account/sessions/{mine.public_id}", sent, follow=False)
        assert page.answer.values("clear-site-data") == [b'"cache"']


async def test_S21_B111_so_does_a_sign_out_that_the_store_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def down(*_: object) -> None:
        raise StoreUnavailable("down")

    monkeypatch.setattr(Endings, "deny", down)
    async with scene(tmp_path, tables='[session]\nrevocation = "strict"\n') as at:
        alice = await at.signed_in()
        page = await at.signed_out(alice)
        assert page.status == 503
        assert page.answer.values("clear-site-data") == [b'"cache"']


async def test_S23_nothing_of_ours_is_compressed_and_tokens_never_repeat(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        alice = await at.signed_in()
        page = await alice.navigate(f"{at.ours}/account", Accept_Encoding="gzip, br, deflate")
        assert page.answer.values("content-encoding") == []
        at.app.answer_with(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
        relayed = await alice.fetch(at.url + "/x", Accept_Encoding="gzip")
        assert relayed.text == "hello"
        tokens = [await at.csrf(alice) for _ in range(3)]
        assert len(set(tokens)) == 3
        left = await alice.submit(f"{at.ours}/signout", {"csrfToken": tokens[0]}, follow=False)
        assert left.status == 303


async def test_S24_S25_every_cookie_of_ours_is_out_of_reach_of_scripts_and_other_sites(
    tmp_path: Path,
) -> None:
    async with scene(tmp_path) as at:
        browser = at.gate.browser()
        pages = [await browser.fetch(f"{at.ours}/csrf")]
        pages.append(await browser.navigate(f"{at.ours}/signin?return_to=/", follow=False))
        pages.append(await browser.navigate(at.issuer.consent(pages[-1].location), follow=False))
        lines = [line for page in pages for line in page.set_cookies]
        assert len({line.partition("=")[0][:22] for line in lines}) >= 4
        for line in lines:
            found = attributes(line)
            assert line.startswith("__Host-")
            assert {"secure", "httponly"} <= found.keys()
            assert (found["samesite"], found["path"]) == ("lax", "/")
            assert "domain" not in found


@pytest.mark.parametrize("fast_lane", [True, False])
async def test_S24_a_route_with_csrf_lets_no_other_site_act(tmp_path: Path, *, fast_lane: bool) -> None:
    keys = 'csrf = "fetch-metadata"'
    async with scene(tmp_path, route_keys=keys, fast_lane=fast_lane) as at:
        alice = await at.signed_in()
        reached = len(at.app.requests)
        for method in ("POST", "DELETE"):
            for told in ({"Sec_Fetch_Site": "cross-site"}, {"Sec_Fetch_Site": "same-site"}):
                refused = await alice.fetch(at.url + "/x", method, **told)
                assert (refused.status, "csrf_failed" in refused.text) == (403, True)
        assert len(at.app.requests) == reached
        assert (await alice.fetch(at.url + "/x", "DELETE")).status == 200
        assert (await alice.fetch(at.url + "/x", Sec_Fetch_Site="cross-site")).status == 200
    denied = [line for line in at.gate.events("request") if line.get("reason") == "csrf"]
    assert [line["decision"] for line in denied] == ["deny"] * 4


async def test_S26_a_flood_of_strangers_allocates_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Revocations, "start", lambda _self: None)  # it looks for no stranger
    calls = watched(monkeypatch)
    async with scene(tmp_path) as at:
        await at.raw(get("/", "Accept: text/html", host=HOST))
        size, before = file_in(tmp_path).stat().st_size, calls.total
        heads = [
            get(f"/{number}", "Accept: text/html", cookie_line(f"x.{number}"), host=HOST)
            for number in range(300)
        ]

        async def flood(part: list[bytes]) -> None:
            async with await RawConnection.open(at.gate.port) as connection:
                for head in part:
                    await connection.write(head)
                    assert (await connection.answer()).status == 302

        await asyncio.gather(*[flood(heads[start::4]) for start in range(4)])
        for _ in range(20):
            await at.raw(get(f"{PREFIX}/signin?return_to=/", host=HOST))
        assert calls.total == before
        assert file_in(tmp_path).stat().st_size == size
        assert at.app.requests == []


@pytest.mark.parametrize(
    "path", ["/account", "/signout", "/signin/issuer", "/error?error=x", "/nothing-here"]
)
async def test_S28_S29_our_pages_are_not_framed_and_run_nothing(tmp_path: Path, path: str) -> None:
    async with scene(tmp_path) as at:
        alice = await at.signed_in()
        page = await alice.navigate(at.ours + path)
        policy = page.answer.values("content-security-policy")[0].decode()
        assert "frame-ancestors 'none'" in policy
        assert "default-src 'none'" in policy
        assert "base-uri 'none'" in policy
        assert re.search(r"style-src 'sha256-[A-Za-z0-9+/=]+'", policy)
        assert "unsafe" not in policy
        assert page.answer.values("x-frame-options") == [b"DENY"]
        assert page.answer.values("x-content-type-options") == [b"nosniff"]


async def test_S29_a_script_in_a_name_or_code_or_path_is_text(tmp_path: Path) -> None:
    hostile = '"><script>alert(1)</script>'
    async with scene(tmp_path) as at:
        at.issuer.users["alice"]["name"] = hostile
        alice = await at.signed_in()
        for url in (
            f"{at.ours}/account",
            f"{at.ours}/signout",
            f"{at.ours}/error?error=%22%3E%3Cscript%3Ealert(1)%3C/script%3E",
            f"{at.ours}/%3Cscript%3Ealert(1)%3C/script%3E",
            f"{at.ours}/signin?return_to=/%3Cscript%3Ealert(1)%3C/script%3E",
        ):
            page = await alice.navigate(url, follow=False)
            assert "<script" not in page.text
        told = await alice.fetch(f"{at.ours}/session")
        assert told.answer.values("content-type") == [b"application/json"]
        assert json.loads(told.text)["user"]["name"] == hostile
        assert seen(at.app.requests[-1], "X-User-Name") == ['"><script>alert(1)</script>']


async def test_S05_no_cookie_line_is_ever_too_long_for_a_browser(tmp_path: Path) -> None:
    async with scene(
        tmp_path, tables="[identity]\nassertion='off'\n[identity.headers]\nX-User-Id='id'"
    ) as at:
        for size in range(0, 200, 20):
            at.issuer.users["alice"]["groups"] = ["g" * 40 for _ in range(size)]
            browser = at.gate.browser()
            page = await browser.navigate(await at.departed(browser), follow=False)
            assert all(len(line) <= 4096 for line in page.set_cookies)
            assert page.status in (303, 500)
            assert (ours_in(page) == []) == (page.status == 500)

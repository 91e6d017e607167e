"""BEHAVIOUR A, as far as it needs no socket: credentials and identity, from button to session."""

from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import pytest

from gateway.errors import IssuerUnavailable, LoginCancelled, LoginFailed, LoginRequired
from tests.fakes.site import FETCH, NAVIGATION, PREFIX, URL, Site, asked, header, site


def refused(
    gate: Site, target: str, headers: tuple[tuple[bytes, bytes], ...] = NAVIGATION, **more: str
) -> object:
    inbound = gate.inbound(target, headers=headers, **more)
    return gate.errors.answer(LoginRequired(), inbound=inbound, request_id="req-1")


async def test_B001_an_anonymous_navigation_goes_to_sign_in_and_straight_on_to_the_one_issuer(
    tmp_path: Path,
) -> None:
    async with site(tmp_path) as gate:
        away = refused(gate, "/wiki/Page?x=1&y=a%20b")
        assert away.status == 302
        assert header(away, b"Location") == f"{PREFIX}/signin?return_to={quote('/wiki/Page?x=1&y=a%20b')}"
        on = await gate.get(header(away, b"Location"))
        assert on.status == 302
        assert header(on, b"Location").startswith("https://demo.example/authorize?")
        back = await gate.come_back()
        assert (back.status, header(back, b"Location")) == (303, "/wiki/Page?x=1&y=a%20b")


@pytest.mark.parametrize(("method", "headers"), [("GET", FETCH), ("PUT", FETCH), ("OPTIONS", ())])
async def test_B002_a_program_gets_401_with_the_way_in_and_no_dialog(
    tmp_path: Path, method: str, headers: tuple[tuple[bytes, bytes], ...]
) -> None:
    async with site(tmp_path) as gate:
        answer = refused(gate, "/api", headers, method=method)
        assert answer.status == 401
        assert b'"error":"login_required"' in answer.body
        assert f'"login_url":"{URL}{PREFIX}/signin"'.encode() in answer.body
        assert header(answer, b"WWW-Authenticate").split()[0].lower() not in {"basic", "digest", "negotiate"}
        assert header(answer, b"Set-Cookie") == ""


async def test_B003_redirect_uri_comes_from_public_url_alone(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        inbound = gate.inbound(
            f"{PREFIX}/signin", headers=(*NAVIGATION, (b"X-Forwarded-Host", b"evil")), host="evil.example"
        )
        await gate.send(inbound)
        pending = gate.issuers["demo"].begun[0]
        assert pending.redirect_uri == f"{URL}{PREFIX}/callback/demo"
        assert len({pending.state, pending.nonce, pending.verifier}) == 3
        assert all(len(value) == 43 for value in (pending.state, pending.nonce, pending.verifier))


async def test_B004_of_what_a_client_adds_only_harmless_hints_reach_the_issuer(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        added = "redirect_uri=https://evil&client_id=x&response_type=token&scope=all&state=s&login_hint=ann"
        await gate.get(f"{PREFIX}/signin?{added}")
        assert gate.issuers["demo"].hints == [{"login_hint": "ann"}]
        assert gate.issuers["demo"].begun[0].state != "s"


@pytest.mark.parametrize("headers", [NAVIGATION, FETCH])
async def test_B005_a_callback_of_another_browser_makes_no_token_request_and_no_session(
    tmp_path: Path, headers: tuple[tuple[bytes, bytes], ...]
) -> None:
    async with site(tmp_path) as gate:
        await gate.get(f"{PREFIX}/signin")
        gate.browser.cookies.clear()
        answer = await gate.get(gate.way_back(), headers)
        assert answer.status == (303 if headers is NAVIGATION else 400)
        assert gate.issuers["demo"].redeemed == []
        assert gate.signed_in == ""


async def test_B005_a_callback_without_state_is_refused(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        await gate.get(f"{PREFIX}/signin")
        answer = await gate.get(f"{PREFIX}/callback/demo?code=x")
        assert answer.status == 400
        assert gate.issuers["demo"].redeemed == []


@pytest.mark.parametrize(("seconds", "redeemed"), [(900, 1), (901, 0)])
async def test_B005_a_transaction_lives_15_minutes(tmp_path: Path, seconds: int, redeemed: int) -> None:
    async with site(tmp_path) as gate:
        await gate.get(f"{PREFIX}/signin")
        gate.clock.advance(seconds)
        await gate.come_back()
        assert len(gate.issuers["demo"].redeemed) == redeemed


async def test_B005_O04_a_transaction_of_one_provider_does_not_finish_at_another(tmp_path: Path) -> None:
    async with site(tmp_path, providers=("demo", "corp")) as gate:
        await gate.get(f"{PREFIX}/signin/demo?return_to=/")
        answer = await gate.get(gate.way_back().replace("callback/demo", "callback/corp"))
        assert answer.status == 400
        assert gate.issuers["corp"].redeemed == gate.issuers["demo"].redeemed == []
        assert gate.signed_in == ""


async def test_B006_O02_a_replay_with_the_same_cookies_makes_no_second_token_request(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        await gate.get(f"{PREFIX}/signin")
        url, before = gate.way_back(), dict(gate.browser.cookies)
        await gate.get(url)
        gate.browser.cookies = before
        answer = await gate.get(url, FETCH)
        assert answer.status == 400
        assert len(gate.issuers["demo"].redeemed) == 1


async def test_B007_two_tabs_end_on_their_own_urls_in_either_order(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        await gate.get(f"{PREFIX}/signin?return_to={quote('/one?a=1')}")
        await gate.get(f"{PREFIX}/signin?return_to={quote('/two?b=2')}")
        second = await gate.come_back(begun=1)
        first = await gate.come_back(begun=0)
        assert header(second, b"Location") == "/two?b=2"
        assert header(first, b"Location") == "/one?a=1"


async def test_B008_a_lost_transaction_restarts_the_login_once_and_then_shows_an_error(
    tmp_path: Path,
) -> None:
    async with site(tmp_path) as gate:
        await gate.get(f"{PREFIX}/signin")
        gate.browser.cookies.clear()
        again = await gate.come_back()
        assert again.status == 303
        assert header(again, b"Location").startswith("https://demo.example/authorize?")
        gate.browser.cookies.clear()
        failed = await gate.come_back()
        assert failed.status == 400
        assert b"no longer valid" in failed.body
        assert len(gate.issuers["demo"].begun) == 2


async def test_B008_a_restarted_login_succeeds(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        await gate.get(f"{PREFIX}/signin?return_to=/x")
        gate.clock.advance(901)
        await gate.come_back()
        back = await gate.come_back()
        assert (back.status, header(back, b"Location")) == (303, "/x")
        assert gate.signed_in


async def test_B010_O10_cancelled_at_the_issuer_offers_another_try(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        await gate.get(f"{PREFIX}/signin")
        gate.issuers["demo"].fault = LoginCancelled("access_denied")
        url = gate.way_back(error="access_denied", error_description="<script>").replace("code=a-code&", "")
        answer = await gate.get(url)
        assert answer.status == 403
        assert b"Sign-in cancelled" in answer.body
        assert b"script" not in answer.body
        assert gate.transactions == []


async def test_B011_B012_one_person_stays_one_user_and_a_second_login_adds_nobody(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        await gate.sign_in()
        first = gate.signed_in
        gate.browser.cookies.clear()
        gate.issuers["demo"].login = replace(gate.issuers["demo"].login, name="Ann B.")
        await gate.sign_in()
        assert gate.signed_in == first
        assert len(await gate.database.users.everyone()) == 1


async def test_B014_an_email_of_somebody_else_ends_in_not_linked_and_writes_nothing(tmp_path: Path) -> None:
    async with site(tmp_path, providers=("demo", "corp")) as gate:
        await gate.sign_in("demo")
        gate.browser.cookies.clear()
        gate.issuers["corp"].login = replace(gate.issuers["corp"].login, email="ann@demo.example")
        answer = await gate.sign_in("corp")
        assert answer.status == 403
        assert b"OAuthAccountNotLinked" in answer.body
        assert b"account page" in answer.body
        assert gate.signed_in == ""
        assert len(await gate.database.users.everyone()) == 1


async def test_B016_linking_from_the_account_page_adds_the_account(tmp_path: Path) -> None:
    async with site(tmp_path, providers=("demo", "corp")) as gate:
        await gate.sign_in("demo")
        user, before = gate.signed_in, gate.sessions.load(gate.browser.headers()).session
        on = await gate.post(f"{PREFIX}/account/link/corp")
        assert header(on, b"Location").startswith("https://corp.example/")
        back = await gate.come_back("corp")
        assert header(back, b"Location") == f"{PREFIX}/account"
        accounts = await gate.database.users.accounts_of(user)
        assert {account.provider for account in accounts} == {"demo", "corp"}
        after = gate.sessions.load(gate.browser.headers()).session
        assert before is not None
        assert after is not None
        assert (after.identity.user_id, after.id != before.id) == (user, True)


async def test_B016_linking_with_an_older_login_asks_for_a_new_one_first(tmp_path: Path) -> None:
    async with site(tmp_path, providers=("demo", "corp")) as gate:
        await gate.sign_in("demo")
        gate.clock.advance(301)
        on = await gate.post(f"{PREFIX}/account/link/corp")
        assert header(on, b"Location").startswith("https://demo.example/")
        assert gate.issuers["demo"].hints[-1] == {"prompt": "login"}
        assert gate.issuers["demo"].begun[-1].link is None


async def test_B016_without_intent_nothing_is_linked(tmp_path: Path) -> None:
    async with site(tmp_path, providers=("demo", "corp")) as gate:
        await gate.sign_in("demo")
        user = gate.signed_in
        await gate.sign_in("corp")
        assert gate.signed_in != user
        assert len(await gate.database.users.accounts_of(user)) == 1


async def test_B017_a_session_of_a_disabled_user_does_not_count_for_linking(tmp_path: Path) -> None:
    async with site(tmp_path, providers=("demo", "corp")) as gate:
        await gate.sign_in("demo")
        user = gate.signed_in
        await gate.post(f"{PREFIX}/account/link/corp")
        await gate.database.users.set_enabled(user, enabled=False)
        await gate.come_back("corp")
        assert len(await gate.database.users.accounts_of(user)) == 1


async def test_B018_B040_another_login_switches_the_browser_and_ends_the_old_session(tmp_path: Path) -> None:
    async with site(tmp_path, providers=("demo", "corp")) as gate:
        await gate.sign_in("demo")
        old = dict(gate.browser.cookies)
        await gate.sign_in("corp")
        assert len(await gate.database.users.everyone()) == 2
        gate.browser.cookies = old
        assert gate.signed_in == ""


async def test_B023_get_and_head_change_nothing(tmp_path: Path) -> None:
    async with site(tmp_path, providers=("demo", "corp")) as gate:
        await gate.sign_in("demo")
        for method in ("GET", "HEAD"):
            for path in (
                "signout",
                "account",
                "signin",
                "session",
                "csrf",
                "providers",
                "error",
                "jwks.json",
            ):
                await gate.send(gate.inbound(f"{PREFIX}/{path}", method=method))
            linking = await gate.send(gate.inbound(f"{PREFIX}/account/link/corp", method=method))
            assert linking.status == 405
        assert gate.signed_in
        assert len(await gate.database.users.accounts_of(gate.signed_in)) == 1


@pytest.mark.parametrize(
    "target", ["//evil", "/\\evil", "javascript:alert(1)", "/a\tb", "https://evil.example/"]
)
async def test_B024_a_target_that_could_leave_starts_no_login(tmp_path: Path, target: str) -> None:
    async with site(tmp_path) as gate:
        answer = await gate.get(f"{PREFIX}/signin?return_to={quote(target, safe='')}")
        assert answer.status == 400
        assert gate.issuers["demo"].begun == []


async def test_B024_without_a_target_the_user_lands_on_the_root(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        await gate.get(f"{PREFIX}/signin")
        assert header(await gate.come_back(), b"Location") == "/"


async def test_B025_O14_fifty_tabs_keep_seven_transactions_in_less_than_4_kib(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        for tab in range(50):
            await gate.get(f"{PREFIX}/signin?return_to={quote(f'/wiki/page?tab={tab}')}")
            gate.clock.advance(1)
            assert len(gate.transactions) == min(tab + 1, 7)
            assert len(dict(gate.browser.headers())[b"Cookie"]) < 4096
        assert header(await gate.come_back(begun=-7), b"Location") == "/wiki/page?tab=43"


async def test_B025_each_login_and_callback_clears_expired_transactions(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        await gate.get(f"{PREFIX}/signin")
        gate.clock.advance(901)
        await gate.get(f"{PREFIX}/signin")
        assert len(gate.transactions) == 1
        await gate.come_back()
        assert gate.transactions == []


async def test_B026_a_used_callback_with_a_live_session_leads_on_without_a_token_request(
    tmp_path: Path,
) -> None:
    async with site(tmp_path) as gate:
        await gate.get(f"{PREFIX}/signin?return_to=/x")
        transaction = dict(gate.browser.cookies)
        await gate.come_back()
        again = await gate.come_back()
        assert (again.status, header(again, b"Location")) == (303, "/")
        gate.browser.cookies.update(transaction)
        known = await gate.come_back()
        assert (known.status, header(known, b"Location")) == (303, "/x")
        assert len(gate.issuers["demo"].redeemed) == 1


@pytest.mark.parametrize("name", ["code", "state", "iss", "error"])
async def test_B027_O07_a_repeated_parameter_is_refused_before_any_token_request(
    tmp_path: Path, name: str
) -> None:
    async with site(tmp_path) as gate:
        await gate.get(f"{PREFIX}/signin")
        answer = await gate.get(f"{gate.way_back()}&{name}=x&{name}=y")
        assert answer.status == 400
        assert gate.issuers["demo"].redeemed == []


async def test_B029_a_login_at_an_issuer_that_is_down_is_503_with_retry_after(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        gate.issuers["demo"].down = IssuerUnavailable("down")
        answer = await gate.get(f"{PREFIX}/signin")
        assert answer.status == 503
        assert header(answer, b"Retry-After").isdigit()
        assert gate.transactions == []


async def test_B030_a_form_that_meets_an_ended_session_gets_a_page_and_no_redirect(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        answer = refused(gate, "/wiki/save", method="POST")
        assert answer.status == 401
        assert b"Sign in in a new tab" in answer.body
        assert b'target="_blank"' in answer.body


async def test_B031_O13_a_third_login_within_a_minute_that_kept_no_session_names_the_causes(
    tmp_path: Path,
) -> None:
    async with site(tmp_path) as gate:
        statuses = []
        for _ in range(3):
            answer = await gate.sign_in()
            statuses.append(answer.status)
            gate.browser.cookies.pop((gate.names.session, ""), None)
            gate.clock.advance(5)
        assert statuses == [303, 303, 400]
        assert b"Cookies are blocked" in answer.body
        assert b"clock" in answer.body
        gate.clock.advance(60)
        assert (await gate.sign_in()).status == 303


async def test_B031_somebody_who_signs_out_and_in_again_is_no_loop(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        for _ in range(4):
            assert (await gate.sign_in()).status == 303
            await gate.post(f"{PREFIX}/signout")


async def test_B043_remember_false_makes_a_cookie_that_dies_with_the_browser(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        await gate.post(f"{PREFIX}/signin/demo", {"remember": "false"})
        await gate.come_back()
        assert "Max-Age" not in gate.browser.attributes[gate.names.session]


async def test_O12_a_callback_answers_303_to_a_clean_url_and_tells_nobody(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        back = await gate.sign_in(return_to="/x")
        assert (back.status, header(back, b"Location")) == (303, "/x")
        assert header(back, b"Referrer-Policy") == "no-referrer"
        assert header(back, b"Cache-Control") == "private, no-store"


async def test_O03_a_transaction_that_does_not_open_is_cleared(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        await gate.get(f"{PREFIX}/signin")
        name = gate.transactions[0]
        gate.browser.cookies[(name, "")] = gate.browser.cookies[(name, "")][:-2]
        answer = await gate.get(gate.way_back(), FETCH)
        assert answer.status == 400
        assert gate.transactions == []
        assert gate.issuers["demo"].redeemed == []


async def test_O17_a_foreign_page_that_opens_sign_in_changes_one_transaction_only(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        foreign = ((b"Sec-Fetch-Site", b"cross-site"), *NAVIGATION)
        answer = await gate.get(f"{PREFIX}/signin?return_to=/x", foreign)
        assert answer.status == 302
        assert gate.browser.names == gate.transactions
        assert await gate.database.users.everyone() == ()


async def test_a_failed_login_leaves_one_event_with_its_reason_and_a_success_another(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        await gate.get(f"{PREFIX}/signin")
        gate.issuers["demo"].fault = LoginFailed("wrong nonce")
        await gate.come_back()
        gate.issuers["demo"].fault = None
        await gate.sign_in()
        told = [(event.name, event.reason) for event in gate.events if event.name.startswith("auth.login")]
        assert told == [("auth.login.failure", "OAuthCallbackError"), ("auth.login.success", "")]


async def test_hints_that_a_person_typed_are_read_from_the_query(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        answer = await gate.get(f"{PREFIX}/signin?login_hint=ann&acr_values=weak")
        assert asked(header(answer, b"Location"))["state"]
        assert gate.issuers["demo"].hints == [{"login_hint": "ann"}]

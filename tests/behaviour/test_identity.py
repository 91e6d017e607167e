"""BEHAVIOUR group A over sockets: a real issuer, a real browser's cookies, a whole gateway.

What tests/behaviour/test_login.py proves of a flow is not repeated here.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import pytest

from tests.fakes.gateway import HOST
from tests.fakes.issuer import ABSENT, HostileIssuer
from tests.fakes.raw_client import get
from tests.fakes.scene import COOKIE, PREFIX, Scene, ours_in, scene, second_provider, seen

LOGIN = f"{COOKIE}-login-"


@asynccontextmanager
async def two_issuers(folder: Path, more: str = "") -> AsyncIterator[tuple[Scene, HostileIssuer]]:
    """Start a gateway with a second provider, *more* in its table."""
    async with (
        HostileIssuer() as other,
        scene(folder, tables=second_provider(other, more)) as at,
    ):
        other.clock = at.clock
        at.gate.places[other.url] = int(other.url.rpartition(":")[2])
        yield at, other


def transactions(cookies: dict[str, str]) -> list[str]:
    return [name for name in cookies if name.startswith(LOGIN)]


async def refused_without_token_request(at: Scene, url: str, cookies: dict[str, str], status: int) -> None:
    """Bring *url* with *cookies*: no token request may follow, and no session begin."""
    before = at.issuer.seen["token"]
    browser = at.gate.browser()
    browser.cookies[HOST] = dict(cookies)
    page = await browser.fetch(url)
    assert page.status == status
    assert ours_in(page) == []
    assert at.issuer.seen["token"] == before
    assert at.app.requests == []


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_B001_a_navigation_goes_to_sign_in_and_straight_on_and_the_app_sees_nothing(
    tmp_path: Path, method: str
) -> None:
    async with scene(tmp_path) as at:
        browser = at.gate.browser()
        sent = {"Accept": "text/html", "Sec-Fetch-Mode": "navigate"}
        page = await browser.request(method, f"{at.url}/a/b?c=d&e=%2F", headers=sent, follow=False)
        assert page.status == 302
        assert page.location == f"{at.ours}/signin?return_to=/a/b%3Fc%3Dd%26e%3D%252F"
        on = await browser.navigate(page.location, follow=False)
        assert on.status == 302
        assert on.location.startswith(f"{at.issuer.url}/authorize?")
        assert at.app.requests == []
        assert at.app.connections == 0


@pytest.mark.parametrize(
    ("method", "fields"),
    [
        ("GET", ["Accept: */*", "Sec-Fetch-Mode: cors"]),
        ("GET", ["Accept: text/html", "Sec-Fetch-Mode: no-cors"]),
        ("GET", ["Accept: application/json"]),
        ("GET", ["Connection: Upgrade", "Upgrade: websocket", "Sec-Fetch-Mode: websocket"]),
        ("POST", ["Accept: application/json", "Content-Length: 0"]),
        ("PUT", ["Accept: text/html", "Content-Length: 0"]),
        ("DELETE", ["Accept: */*"]),
    ],
)
async def test_B002_everything_else_gets_401_and_no_transaction(
    tmp_path: Path, method: str, fields: list[str]
) -> None:
    async with scene(tmp_path) as at:
        answer = await at.raw(get("/x", *fields, host=HOST, method=method))
        assert answer.status == 401
        assert answer.values("set-cookie") == []
        assert answer.values("www-authenticate")[0].split()[0].lower() not in {b"basic", b"digest"}
        if b"application/json" in answer.values("content-type"):
            told = json.loads(answer.body)
            assert told["error"] == "login_required"
            assert told["login_url"] == f"{at.ours}/signin"
        assert at.app.requests == []
        assert at.issuer.seen["discovery"] == 0


@pytest.mark.parametrize(
    "fields",
    [
        ["X-Forwarded-Host: evil.example"],
        ["X-Forwarded-Proto: http", "X-Forwarded-Host: evil.example", "Forwarded: host=evil.example"],
        ["X-Original-URL: https://evil.example/", "X-Host: evil.example"],
    ],
)
async def test_B003_O11_the_authorization_url_is_ours_whatever_headers_say(
    tmp_path: Path, fields: list[str]
) -> None:
    async with scene(tmp_path) as at:
        answer = await at.raw(get(f"{PREFIX}/signin?return_to=/x", *fields, host=HOST))
        assert answer.status == 302
        url = answer.values("location")[0].decode()
        asked = {name: values for name, values in parse_qs(urlsplit(url).query).items()}
        assert asked["response_type"] == ["code"]
        assert asked["code_challenge_method"] == ["S256"]
        assert asked["redirect_uri"] == [f"{at.ours}/callback/issuer"]
        assert len(asked["state"][0]) == len(asked["nonce"][0]) == len(asked["code_challenge"][0]) == 43
        assert b"evil" not in answer.head


async def test_B003_O11_a_hostile_host_reaches_no_login(tmp_path: Path) -> None:
    async with scene(tmp_path, route_keys='host = "app.example.com"') as at:
        answer = await at.raw(get(f"{PREFIX}/signin", host="evil.example"))
        assert answer.status == 421
        assert answer.values("location") == []


async def test_B004_O18_client_parameters_never_reach_the_issuer(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        hostile = {
            "redirect_uri": "https://evil.example/",
            "client_id": "evil",
            "response_type": "token",
            "response_mode": "form_post",
            "scope": "openid everything",
            "state": "chosen",
            "nonce": "chosen",
            "code_challenge": "chosen",
            "request_uri": "https://evil.example/",
            "acr_values": "weak",
            "max_age": "999999",
            "login_hint": "bob",
            "ui_locales": "de",
        }
        browser = at.gate.browser()
        page = await browser.navigate(f"{at.ours}/signin?{urlencode(hostile)}&return_to=/x", follow=False)
        asked = dict(parse_qsl(urlsplit(page.location).query))
        assert asked["login_hint"] == "bob"
        assert asked["ui_locales"] == "de"
        for name in ("response_mode", "request_uri", "acr_values", "max_age"):
            assert name not in asked
        for name in hostile.keys() & asked.keys() - {"login_hint", "ui_locales"}:
            assert asked[name] != hostile[name]


ILL_WRITTEN = {
    "login_hint": ["x" * 257, "a\x00b", "a\r\nLocation: https://evil.example/"],
    "prompt": ["create", "none login", "login,consent", "LOGIN"],
    "ui_locales": ["<de>", "de_CH", "de  en", " ".join(["de"] * 11)],
}


@pytest.mark.parametrize(
    ("name", "value"), [(name, each) for name in ILL_WRITTEN for each in ILL_WRITTEN[name]]
)
@pytest.mark.parametrize("start", ["signin", "initiate"])
async def test_B004_O18_a_hint_that_is_not_well_written_is_left_out(
    tmp_path: Path, start: str, name: str, value: str
) -> None:
    async with scene(tmp_path) as at:
        browser = at.gate.browser()
        place = "signin" if start == "signin" else "initiate/issuer"
        query = urlencode({"iss": at.issuer.url, name: value})
        page = await browser.navigate(f"{at.ours}/{place}?{query}", follow=False)
        asked = dict(parse_qsl(urlsplit(page.location).query))
        assert page.location.startswith(at.issuer.url)
        assert asked["client_id"] == at.issuer.client_id
        assert name not in asked


async def test_B004_O18_what_is_asked_of_every_login_goes_over_a_hint(tmp_path: Path) -> None:
    async with scene(tmp_path, provider_keys='authorization_params = { prompt = "login" }') as at:
        browser = at.gate.browser()
        asked_of = f"{at.ours}/signin?prompt=none&ui_locales=de-CH+en&login_hint=ann%2B1%40example.com"
        asked = dict(parse_qsl(urlsplit((await browser.navigate(asked_of, follow=False)).location).query))
        assert (asked["prompt"], asked["ui_locales"]) == ("login", "de-CH en")
        assert asked["login_hint"] == "ann+1@example.com"


async def test_B005_O01_a_callback_in_another_browser_redeems_nothing(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        attacker, victim = at.gate.browser(), at.gate.browser()
        url = await at.departed(attacker)
        await at.departed(victim)
        await refused_without_token_request(at, url, victim.cookies[HOST], 400)
        await refused_without_token_request(at, url, {}, 400)


@pytest.mark.parametrize("state", [None, "", "wrong", "s" * 43, "s" * 5000])
async def test_B005_O01_a_missing_or_wrong_state_redeems_nothing(tmp_path: Path, state: str | None) -> None:
    async with scene(tmp_path) as at:
        browser = at.gate.browser()
        url = await at.departed(browser)
        pairs = {**dict(parse_qsl(urlsplit(url).query)), "state": state}
        query = urlencode({name: value for name, value in pairs.items() if value is not None})
        await refused_without_token_request(
            at, f"{at.ours}/callback/issuer?{query}", browser.cookies[HOST], 400
        )


@pytest.mark.parametrize(("age", "holds"), [(899, True), (901, False)])
async def test_B005_a_transaction_is_good_for_15_minutes(tmp_path: Path, age: int, holds: bool) -> None:
    async with scene(tmp_path) as at:
        browser = at.gate.browser()
        url = await at.departed(browser)
        at.clock.advance(age)
        page = await browser.fetch(url)
        assert page.status == (303 if holds else 400)
        assert at.issuer.seen["token"] == int(holds)


async def test_B005_O04_a_transaction_of_one_provider_does_not_finish_at_another(tmp_path: Path) -> None:
    async with HostileIssuer() as other, scene(tmp_path, tables=second_provider(other)) as at:
        browser = at.gate.browser()
        page = await browser.navigate(f"{at.ours}/signin/issuer?return_to=/", follow=False)
        url = at.issuer.consent(page.location).replace("/callback/issuer", "/callback/second")
        await refused_without_token_request(at, url, browser.cookies[HOST], 400)
        assert other.seen["token"] == 0


async def test_B006_O02_a_replay_on_another_node_makes_no_second_token_request(tmp_path: Path) -> None:
    async with scene(tmp_path) as at, at.node() as second:
        browser = at.gate.browser()
        url = await at.departed(browser)
        kept = dict(browser.cookies[HOST])
        assert (await browser.fetch(url)).status == 303
        for gate in (at.gate, second):
            thief = gate.browser()
            thief.cookies[HOST] = dict(kept)
            page = await thief.fetch(url)
            assert page.status == 400
            assert ours_in(page) == []
        assert at.issuer.seen["token"] == 1


async def test_B006_two_callbacks_at_once_on_two_nodes_redeem_once(tmp_path: Path) -> None:
    async with scene(tmp_path) as at, at.node() as second:
        first = at.gate.browser()
        url = await at.departed(first)
        other = second.browser()
        other.cookies[HOST] = dict(first.cookies[HOST])
        pages = await asyncio.gather(first.fetch(url), other.fetch(url))
        assert sorted(page.status for page in pages) == [303, 400]
        assert at.issuer.seen["token"] == 1


async def test_B007_two_tabs_end_on_their_own_pages(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        browser = at.gate.browser()
        urls = {path: await at.departed(browser, path) for path in ("/a%3Fx%3D1", "/b%3Fy%3D2")}
        for path, url in reversed(urls.items()):
            page = await browser.navigate(url)
            assert page.status == 200
            assert page.url.endswith(path.replace("%3F", "?").replace("%3D", "="))
        assert transactions(browser.cookies[HOST]) == []


async def test_B008_a_lost_transaction_restarts_once_and_ends_signed_in(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        browser = at.gate.browser()
        url = await at.departed(browser, "/x")
        browser.cookies[HOST].clear()
        page = await browser.navigate(url)
        assert page.status == 200
        assert page.url == f"{at.url}/"
        assert at.issuer.seen["token"] == 1


async def test_B008_a_browser_that_keeps_no_cookie_gets_a_page_and_no_loop(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        browser = at.gate.browser()
        page = await browser.navigate(await at.departed(browser), follow=False)
        for _ in range(6):
            if page.status == 400:
                break
            browser.cookies.clear()
            page = await browser.navigate(page.location, follow=False)
        assert page.status == 400
        assert at.app.requests == []


UNPROVEN = {
    "wrong_iss": "iss",
    "wrong_aud": "aud",
    "many_aud": "aud",
    "wrong_azp": "azp",
    "wrong_nonce": "nonce",
    "no_nonce": "nonce",
    "expired": "expired",
    "no_exp": "exp",
    "empty_sub": "sub",
    "long_sub": "sub",
    "wrong_at_hash": "at_hash",
    "alg_none": "compact JWS",
    "hs256_public_key": "alg",
    "foreign_key": "signed by no key",
    "no_id_token": "no id_token",
    "token_type_dpop": "not of type Bearer",
    "userinfo_other_sub": "another subject",
    "invalid_grant": "invalid_grant",
}


@pytest.mark.parametrize("fault", UNPROVEN)
async def test_B009_a_login_whose_proof_does_not_hold_signs_nobody_in(tmp_path: Path, fault: str) -> None:
    async with scene(tmp_path) as at:
        at.issuer.fault = fault
        browser = at.gate.browser()
        page = await browser.navigate(at.url + "/")
        assert page.status == 400
        assert browser.cookie(at.url, COOKIE) is None
        assert transactions(browser.cookies[HOST]) == []
        assert await at.session_of(browser) is None
        assert at.app.requests == []
        async with at.store() as store:
            assert await store.users.everyone() == ()
    (failed,) = at.gate.events("auth.login.failure")
    assert UNPROVEN[fault] in str(failed["detail"]), "the log names the check"
    assert failed["reason"] == "OAuthCallbackError"


async def test_B010_O10_cancelled_is_a_page_with_another_try_and_no_word_of_the_issuer(
    tmp_path: Path,
) -> None:
    async with scene(tmp_path) as at:
        at.issuer.fault = "access_denied"
        page = await at.gate.browser().navigate(at.url + "/x")
        assert page.status == 403
        assert "<script" not in page.text
        assert f"{PREFIX}/signin" in page.text
        assert b"default-src 'none'" in page.answer.values("content-security-policy")[0]
        assert at.issuer.seen["token"] == 0
        at.issuer.fault = ""


async def test_B011_B012_the_same_identity_is_the_same_user_id_at_the_app(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        await at.signed_in()
        at.issuer.users["alice"]["name"] = "Alice B."
        at.clock.advance(100)
        await at.signed_in()
        first, second = at.app.requests
        assert seen(first, "X-User-Id") == seen(second, "X-User-Id") == [await at.user_id()]
        assert "alice" not in seen(first, "X-User-Id")[0]
        assert seen(second, "X-User-Name") == ["Alice B."]
        async with at.store() as store:
            [user] = await store.users.everyone()
            [account] = await store.users.accounts_of(user.id)
            assert account.last_login_at == int(at.clock())
            assert account.linked_at == int(at.clock()) - 100


async def test_B014_O35_an_email_of_somebody_else_links_nothing(tmp_path: Path) -> None:
    async with HostileIssuer() as other, scene(tmp_path, tables=second_provider(other)) as at:
        other.clock = at.clock
        at.gate.places[other.url] = int(other.url.rpartition(":")[2])
        await at.gate.browser().navigate(f"{at.ours}/signin/issuer?return_to=/")
        mallory = at.gate.browser()
        other.users["alice"]["sub"] = "mallory"
        page = await mallory.navigate(f"{at.ours}/signin/second?return_to=/")
        assert page.status == 403
        assert "account page" in page.text
        assert mallory.cookie(at.url, COOKIE) is None
        assert len(at.app.requests) == 1
        async with at.store() as store:
            [user] = await store.users.everyone()
            assert len(await store.users.accounts_of(user.id)) == 1


@pytest.mark.parametrize(("verified", "links"), [(True, True), (False, False), ("true", False), (1, False)])
async def test_B015_O35_a_trusted_email_links_only_where_the_json_says_true(
    tmp_path: Path, verified: object, links: bool
) -> None:
    async with two_issuers(tmp_path, "trust_email = true") as (at, other):
        await at.gate.browser().navigate(f"{at.ours}/signin/issuer?return_to=/")
        other.users["alice"].update(sub="alice-elsewhere", email_verified=verified)
        page = await at.gate.browser().navigate(f"{at.ours}/signin/second?return_to=/")
        assert page.status == (200 if links else 403)
        async with at.store() as store:
            [user] = await store.users.everyone()
            assert len(await store.users.accounts_of(user.id)) == 1 + links
        if links:
            first, second = at.app.requests
            assert seen(first, "X-User-Id") == seen(second, "X-User-Id")


async def test_B015_an_absent_email_verified_is_not_true(tmp_path: Path) -> None:
    async with two_issuers(tmp_path, "trust_email = true") as (at, other):
        await at.gate.browser().navigate(f"{at.ours}/signin/issuer?return_to=/")
        other.userinfo = {"email_verified": ABSENT}
        other.users["alice"]["sub"] = "alice-elsewhere"
        page = await at.gate.browser().navigate(f"{at.ours}/signin/second?return_to=/")
        assert page.status == 403


async def test_B016_B017_linking_takes_intent_a_fresh_login_and_a_live_session(tmp_path: Path) -> None:
    async with HostileIssuer() as other, scene(tmp_path, tables=second_provider(other)) as at:
        other.clock, other.user = at.clock, "bob"
        at.gate.places[other.url] = int(other.url.rpartition(":")[2])
        alice = at.gate.browser()
        await alice.navigate(f"{at.ours}/signin/issuer?return_to=/")
        before = at.claims(alice)
        page = await alice.navigate(f"{at.ours}/account")
        form = {"csrfToken": page.hidden("csrfToken")}
        done = await alice.submit(f"{at.ours}/account/link/second", form)
        assert done.status == 200
        assert done.url == f"{at.ours}/account"
        after = at.claims(alice)
        assert after["sub"] == before["sub"]
        assert after["sid"] != before["sid"]
        async with at.store() as store:
            assert len(await store.users.everyone()) == 1
            assert len(await store.users.accounts_of(after["sub"])) == 2


async def test_B017_a_session_that_ended_links_nothing(tmp_path: Path) -> None:
    async with HostileIssuer() as other, scene(tmp_path, tables=second_provider(other)) as at:
        other.clock, other.user = at.clock, "bob"
        at.gate.places[other.url] = int(other.url.rpartition(":")[2])
        alice = at.gate.browser()
        await alice.navigate(f"{at.ours}/signin/issuer?return_to=/")
        copy = alice.cookies[HOST][COOKIE]
        page = await alice.navigate(f"{at.ours}/account")
        form = {"csrfToken": page.hidden("csrfToken")}
        away = await alice.submit(f"{at.ours}/account/link/second", form, follow=False)
        await at.signed_out(alice)
        alice.cookies[HOST][COOKIE] = copy
        done = await alice.navigate(other.consent(away.location), follow=False)
        assert done.status == 303
        async with at.store() as store:
            assert len(await store.users.everyone()) == 2


async def test_B018_B040_S01_another_login_switches_the_user_and_ends_the_old_session(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        browser = await at.signed_in("alice")
        old, alice = browser.cookies[HOST][COOKIE], at.claims(browser)
        at.issuer.user = "bob"
        await browser.navigate(f"{at.ours}/signin?return_to=/")
        bob = at.claims(browser)
        assert bob["sid"] != alice["sid"]
        assert bob["sub"] != alice["sub"]
        thief = at.gate.browser()
        thief.cookies[HOST] = {COOKIE: old}
        assert (await thief.fetch(at.url + "/")).status == 401


@pytest.mark.parametrize(
    "email",
    [
        "a@evil@example.com",
        '"a b"@example.com',
        "a\x00@example.com",
        "a@evil,b@example.com",
        "a\uff20b@c.com",
    ],
)
async def test_B022_O36_an_email_with_two_readings_ends_the_login(tmp_path: Path, email: str) -> None:
    async with scene(tmp_path) as at:
        at.issuer.users["alice"]["email"] = email
        page = await at.gate.browser().navigate(at.url + "/")
        assert page.status == 400
        assert at.app.requests == []


@pytest.mark.parametrize(
    ("email", "passes"),
    [
        ("a@corp.com", True),
        ("A@Corp.COM", True),
        ("a@corp.com.evil.com", False),
        ("a@evilcorp.com", False),
        ("a@sub.corp.com", False),
        ("a@corp.co", False),
    ],
)
async def test_B022_O36_domain_rules_compare_whole_labels(tmp_path: Path, email: str, passes: bool) -> None:
    async with scene(tmp_path, route_keys='email_domains = ["corp.com"]') as at:
        at.issuer.users["alice"]["email"] = email
        page = await at.gate.browser().navigate(at.url + "/")
        assert page.status == (200 if passes else 403)
        assert len(at.app.requests) == int(passes)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    "path",
    ["/signin", "/signout", "/session?peek=1", "/csrf", "/providers", "/account", "/jwks.json", "/error"],
)
async def test_B023_scanners_change_nothing(tmp_path: Path, method: str, path: str) -> None:
    async with scene(tmp_path) as at:
        browser = await at.signed_in()
        before = dict(browser.cookies[HOST])[COOKIE]
        await browser.request(method, at.ours + path, headers={"Accept": "text/html"}, follow=False)
        assert browser.cookies[HOST][COOKIE] == before
        assert (await browser.fetch(at.url + "/")).status == 200
        async with at.store() as store:
            [user] = await store.users.everyone()
            assert len(await store.users.accounts_of(user.id)) == 1


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_B023_linking_and_leaving_take_a_post(tmp_path: Path, method: str) -> None:
    async with scene(tmp_path) as at:
        browser = await at.signed_in()
        link = await browser.fetch(f"{at.ours}/account/link/issuer", method)
        assert link.status == 405
        await browser.fetch(f"{at.ours}/signout", method)
        assert (await browser.fetch(at.url + "/")).status == 200


async def test_B026_the_back_button_after_a_login_leads_on_without_a_token_request(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        browser = at.gate.browser()
        url = await at.departed(browser, "/x")
        await browser.navigate(url)
        again = await browser.navigate(url, follow=False)
        assert again.status == 303
        assert again.location == f"{at.url}/"
        assert at.issuer.seen["token"] == 1


@pytest.mark.parametrize(
    "fault", ["twice_code", "twice_response_iss", "wrong_response_iss", "no_response_iss"]
)
async def test_B027_O06_O07_a_doubtful_response_is_refused_before_any_token_request(
    tmp_path: Path, fault: str
) -> None:
    async with scene(tmp_path) as at:
        at.issuer.fault = fault
        page = await at.gate.browser().navigate(at.url + "/")
        assert page.status == 400
        assert at.issuer.seen["token"] == 0


@pytest.mark.parametrize("extra", ["state=x", "code=x", "error=access_denied&error=x"])
async def test_B027_O07_a_parameter_added_on_the_way_back_is_refused(tmp_path: Path, extra: str) -> None:
    async with scene(tmp_path) as at:
        browser = at.gate.browser()
        url = await at.departed(browser)
        await refused_without_token_request(at, f"{url}&{extra}", browser.cookies[HOST], 400)


async def test_B028_T21_unknown_keys_cause_one_more_fetch_a_minute(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        await at.signed_in()
        fetched = at.issuer.seen["jwks"]
        at.issuer.fault = "unknown_kid"
        for _ in range(5):
            assert (await at.gate.browser().navigate(at.url + "/")).status == 400
        assert at.issuer.seen["jwks"] == fetched + 1
        at.issuer.fault = ""
        await at.signed_in()


async def test_B028_the_metadata_cannot_widen_the_algorithms(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        at.issuer.faults = {"discovery_none_alg", "alg_none"}
        assert (await at.gate.browser().navigate(at.url + "/")).status >= 400
        assert at.app.requests == []


async def test_B029_O21_an_issuer_that_is_down_stops_logins_and_nothing_else(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        alice = await at.signed_in()
        at.issuer.fault = "discovery_down"
        async with at.node() as second:
            page = await second.browser().navigate(at.url + "/")
            assert page.status == 503
            assert page.answer.values("retry-after") != []
            at.visits(alice, second)
            assert (await alice.fetch(at.url + "/")).status == 200
            at.clock.advance(600)
            assert (await alice.fetch(at.url + "/")).status == 200
            at.issuer.fault = ""
            at.clock.advance(600)
            assert (await second.browser().navigate(at.url + "/")).status == 200


async def test_B030_a_form_that_meets_an_ended_session_gets_a_page(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        browser = await at.signed_in()
        at.clock.advance(2_592_000)
        page = await browser.submit(at.url + "/save", {"text": "a letter"}, follow=False)
        assert page.status == 401
        assert "new tab" in page.text
        assert "a letter" not in page.text
        assert len(at.app.requests) == 1


async def test_B031_O13_a_browser_that_keeps_no_session_gets_the_causes_at_the_third_login(
    tmp_path: Path,
) -> None:
    async with scene(tmp_path) as at:
        browser = at.gate.browser()
        for _ in range(2):
            page = await browser.navigate(await at.departed(browser), follow=False)
            assert page.status == 303
            del browser.cookies[HOST][COOKIE]
        page = await browser.navigate(await at.departed(browser), follow=False)
        assert page.status == 400
        assert "Cookies are blocked" in page.text
        at.clock.advance(61)
        assert (await browser.navigate(at.url + "/")).status == 200

"""ATTACKS group O against a whole gateway; rows proven in tests/behaviour/test_identity.py are not repeated.

What a hostile issuer does to the relying party alone is in test_issuer.py, tokens in test_tokens.py.
"""

import asyncio
import re
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from tests.fakes.browser import Page
from tests.fakes.gateway import HOST
from tests.fakes.issuer import HostileIssuer
from tests.fakes.raw_client import RawConnection, get
from tests.fakes.scene import COOKIE, PREFIX, Scene, ours_in, scene, second_provider, seen

LOGIN = f"{COOKIE}-login-"


def changed(url: str, **parameters: str | None) -> str:
    """Return *url* with its query parameters replaced, None removes one."""
    pairs = {**dict(parse_qsl(urlsplit(url).query)), **parameters}
    query = urlencode({name: value for name, value in pairs.items() if value is not None})
    return f"{url.partition('?')[0]}?{query}"


def nobody(at: Scene, page: Page) -> bool:
    """Say that nothing reached the app and no session began."""
    return at.app.requests == [] and ours_in(page) == []


async def test_O01_a_victims_browser_does_not_take_an_attackers_code(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        attacker, victim = at.gate.browser(), at.gate.browser()
        url = await at.departed(attacker)
        mine = await at.departed(victim)
        # The attacker's code under the victim's own state: PKCE and nonce hold it to the attacker.
        state = dict(parse_qsl(urlsplit(mine).query))["state"]
        page = await victim.fetch(changed(url, state=state))
        assert page.status == 400
        assert nobody(at, page)
        page = await victim.fetch(url)
        assert page.status == 400
        assert nobody(at, page)


async def test_O02_a_prefetch_and_a_click_redeem_once_and_end_well(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        browser = at.gate.browser()
        url = await at.departed(browser, "/x")
        await asyncio.gather(browser.navigate(url, follow=False), browser.navigate(url, follow=False))
        assert at.issuer.seen["token"] == 1
        assert (await browser.navigate(at.url + "/x")).status == 200


@pytest.mark.parametrize("harm", ["changed", "cut", "foreign key", "expired", "empty"])
async def test_O03_a_transaction_that_does_not_open_is_refused_and_cleared(tmp_path: Path, harm: str) -> None:
    async with scene(tmp_path) as at:
        browser = at.gate.browser()
        url = await at.departed(browser)
        jar = browser.cookies[HOST]
        [name] = [name for name in jar if name.startswith(LOGIN)]
        if harm == "changed":
            jar[name] = jar[name][:-2] + ("AA" if jar[name][-2:] != "AA" else "BB")
        elif harm == "cut":
            jar[name] = jar[name][:-10]
        elif harm == "empty":
            jar[name] = ""
        elif harm == "foreign key":
            async with at.node(secret='"another secret, as long as a secret has to be"') as other:
                stranger = other.browser()
                await at.departed(stranger)
                jar[name] = next(iter(stranger.cookies[HOST].values()))
        else:
            at.clock.advance(901)
        page = await browser.fetch(url)
        assert page.status == 400
        assert nobody(at, page)
        assert at.issuer.seen["token"] == 0
        assert not any(name.startswith(LOGIN) for name in jar)
        assert (await browser.navigate(at.url + "/")).status == 200


@pytest.mark.parametrize("fault", ["wrong_nonce", "no_nonce"])
async def test_O05_without_the_nonce_of_this_login_nobody_is_signed_in(tmp_path: Path, fault: str) -> None:
    async with scene(tmp_path) as at:
        at.issuer.fault = fault
        page = await at.gate.browser().navigate(at.url + "/")
        assert page.status == 400
        assert nobody(at, page)


async def test_O05_a_nonce_of_an_earlier_login_does_not_hold(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        first = at.gate.browser()
        away = await first.navigate(f"{at.ours}/signin?return_to=/", follow=False)
        at.issuer.claims = {"nonce": dict(parse_qsl(urlsplit(away.location).query))["nonce"]}
        page = await at.gate.browser().navigate(at.url + "/")
        assert page.status == 400
        assert nobody(at, page)


async def test_O06_a_code_of_the_honest_issuer_never_goes_to_another(tmp_path: Path) -> None:
    async with (
        HostileIssuer() as evil,
        scene(tmp_path, tables=second_provider(evil)) as at,
    ):
        browser = at.gate.browser()
        # The person chose the evil issuer, which sends them on to the honest one with its own state.
        away = await browser.navigate(f"{at.ours}/signin/second?return_to=/", follow=False)
        asked = dict(parse_qsl(urlsplit(away.location).query))
        mixed = changed(f"{at.issuer.url}/authorize", **asked)
        url = at.issuer.consent(mixed)
        page = await browser.fetch(url)
        assert page.status == 400
        assert nobody(at, page)
        page = await browser.fetch(url.replace("/callback/second", "/callback/issuer"))
        assert page.status == 400
        assert evil.seen["token"] == at.issuer.seen["token"] == 0


async def test_O08_an_injected_code_is_worth_nothing(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        victim, attacker = at.gate.browser(), at.gate.browser()
        stolen = dict(parse_qsl(urlsplit(await at.departed(victim)).query))["code"]
        url = changed(await at.departed(attacker), code=stolen)
        page = await attacker.fetch(url)
        assert page.status == 400
        assert at.issuer.seen["token"] == 1
        assert nobody(at, page)


@pytest.mark.parametrize("fault", ["discovery_no_pkce", "discovery_plain_only"])
async def test_O09_pkce_is_s256_whatever_the_metadata_says(tmp_path: Path, fault: str) -> None:
    async with scene(tmp_path) as at:
        at.issuer.fault = fault
        page = await at.gate.browser().navigate(f"{at.ours}/signin?return_to=/", follow=False)
        assert "code_challenge_method=S256" in page.location


async def test_O10_an_error_with_a_made_up_state_is_no_cancelled_login(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        hostile = urlencode({"error": "access_denied", "error_description": "<script>alert(1)</script>"})
        for query in (hostile, f"{hostile}&state=x"):
            page = await at.gate.browser().navigate(f"{at.ours}/callback/issuer?{query}")
            assert page.status == 400
            assert "<script" not in page.text
            assert "alert(1)" not in page.text


async def test_O12_the_callback_leaves_no_code_in_history_referer_or_log(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        browser = at.gate.browser()
        url = await at.departed(browser, "/x")
        code = dict(parse_qsl(urlsplit(url).query))["code"]
        page = await browser.navigate(url, follow=False)
        assert page.status == 303
        assert page.location == f"{at.url}/x"
        assert page.answer.values("referrer-policy") == [b"no-referrer"]
        assert page.answer.values("cache-control") == [b"private, no-store"]
    assert code not in at.gate.log
    assert "/callback/issuer" in at.gate.log


async def test_O15_only_navigations_are_redirected(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        for fields in (
            ["Accept: text/html", "Sec-Fetch-Mode: cors"],
            ["X-Requested-With: XMLHttpRequest", "Accept: application/json"],
            ["Accept: text/html", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Mode: cors"],
        ):
            answer = await at.raw(get("/x", *fields, host=HOST))
            assert answer.status == 401
            assert answer.values("location") == []


async def test_O17_a_foreign_page_that_opens_sign_in_changes_one_transaction(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        alice = await at.signed_in()
        before = at.claims(alice)
        page = await alice.navigate(
            f"{at.ours}/signin?return_to=/x", follow=False, Sec_Fetch_Site="cross-site"
        )
        assert [line.startswith(LOGIN) for line in page.set_cookies] == [True]
        assert at.claims(alice) == before
        stranger = {"csrfToken": "x" * 86, "return_to": "/x"}
        refused = await alice.submit(f"{at.ours}/signin/issuer", stranger, origin="https://evil.example")
        assert refused.status == 403


async def test_O21_an_issuer_that_comes_back_is_found_without_a_restart(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        at.issuer.fault = "discovery_down"
        page = await at.gate.browser().navigate(at.url + "/")
        assert page.status == 503
        assert page.answer.values("retry-after") != []
        again = await at.gate.browser().navigate(at.url + "/")
        assert again.status == 503
        assert at.issuer.seen["discovery"] == 1
        at.issuer.fault = ""
        at.clock.advance(600)
        assert (await at.gate.browser().navigate(at.url + "/")).status == 200


@pytest.mark.parametrize(
    "fault",
    ["token_500", "token_reset", "token_html", "token_bad_json", "token_huge", "token_array", "jwks_down"],
)
async def test_O22_a_broken_token_endpoint_is_503_and_the_next_try_works(tmp_path: Path, fault: str) -> None:
    async with scene(tmp_path) as at:
        at.issuer.fault = fault
        browser = at.gate.browser()
        url = await at.departed(browser)
        page = await browser.navigate(url, follow=False)
        assert page.status == 503
        assert page.answer.values("retry-after") != []
        assert nobody(at, page)
        at.issuer.fault = ""
        at.clock.advance(120)
        assert (await browser.navigate(at.url + "/")).status == 200


async def test_O23_an_issuer_that_is_down_ends_no_session(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        alice = await at.signed_in()
        at.issuer.faults = {"discovery_down", "jwks_down", "token_500"}
        for _ in range(5):
            at.clock.advance(3600)
            assert (await alice.fetch(at.url + "/x")).status == 200


async def test_O34_no_secret_is_in_any_log_page_or_header(tmp_path: Path) -> None:
    secrets: set[str] = set()
    pages = []
    async with scene(tmp_path) as at:
        browser = at.gate.browser()
        for fault in ("", "wrong_nonce", "token_500", "access_denied", "invalid_grant", "userinfo_401"):
            at.issuer.fault = fault
            url = await at.departed(browser)
            secrets |= {value for name, value in parse_qsl(urlsplit(url).query) if name in ("code", "state")}
            secrets |= set(browser.cookies[HOST].values())
            pages.append(await browser.navigate(url))
            secrets |= {value for value in browser.cookies[HOST].values() if value}
            at.clock.advance(70)
        secrets |= {form["code_verifier"] for _, _, form in at.issuer.requests if "code_verifier" in form}
        secrets |= {
            headers["Authorization"] for _, headers, _ in at.issuer.requests if "Authorization" in headers
        }
        secrets |= {await at.csrf(browser), at.issuer.client_secret}
        secrets |= {seen(request, "X-Gateway-Assertion")[0] for request in at.app.requests}
        assert len(secrets) > 20
        told = "".join(page.text for page in pages)
        async with await RawConnection.open(at.gate.admin_port) as connection:
            await connection.write(get("/metrics", "Connection: close", host="localhost"))
            metrics = (await connection.answer()).body.decode()
    for secret in secrets:
        assert secret not in at.gate.log
        assert secret not in told
        assert secret not in metrics
    assert "Traceback" not in at.gate.log


async def test_O37_one_sub_at_two_issuers_is_two_people(tmp_path: Path) -> None:
    async with (
        HostileIssuer() as other,
        scene(tmp_path, tables=second_provider(other)) as at,
    ):
        other.clock = at.clock
        other.users["alice"]["email"] = "other@example.com"
        at.gate.places[other.url] = int(other.url.rpartition(":")[2])
        for provider in ("issuer", "second"):
            await at.gate.browser().navigate(f"{at.ours}/signin/{provider}?return_to=/")
        first, second = at.app.requests
        assert seen(first, "X-User-Id") != seen(second, "X-User-Id")


async def test_O37_a_name_or_address_that_becomes_admin_changes_nobody(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        await at.signed_in()
        at.issuer.users["alice"].update(name="admin", preferred_username="admin", email="admin@example.com")
        await at.signed_in()
        first, second = at.app.requests
        assert seen(first, "X-User-Id") == seen(second, "X-User-Id")
        assert seen(second, "X-User-Roles") in ([], [""])


async def test_O39_nobody_becomes_admin_by_being_first_or_by_claiming_it(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        at.issuer.users["alice"].update(roles=["admin"], role="admin", groups=["admin"])
        await at.signed_in()
        assert seen(at.app.requests[-1], "X-User-Roles") in ([], [""])
        async with at.store() as store:
            [user] = await store.users.everyone()
            assert user.roles == ()


async def test_O40_back_channel_answers_leave_no_cookie_and_lead_nowhere(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        at.issuer.faults = {"cookies"}
        await at.signed_in()
        await at.signed_in()
        back_channel = [
            headers
            for name, headers, _ in at.issuer.requests
            if name in ("token", "userinfo", "jwks", "discovery")
        ]
        assert back_channel != []
        assert not any("Cookie" in headers for headers in back_channel)
        at.issuer.fault = "token_redirect"
        assert (await at.gate.browser().navigate(at.url + "/")).status == 503
        assert at.issuer.seen["elsewhere"] == 0


async def test_O14_fifty_tabs_of_a_stranger_allocate_nothing_and_all_get_somewhere(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        browser = at.gate.browser()
        for number in range(50):
            page = await browser.navigate(f"{at.url}/tab/{number}", follow=False)
            page = await browser.navigate(page.location, follow=False)
        kept = [name for name in browser.cookies[HOST] if name.startswith(LOGIN)]
        assert len(kept) == 7
        assert all(re.fullmatch(rf"{LOGIN}[0-9a-f]{{16}}", name) for name in kept)
        done = await browser.navigate(at.issuer.consent(page.location))
        assert done.url == f"{at.url}/tab/49"
        assert PREFIX not in done.url

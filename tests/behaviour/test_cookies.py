"""BEHAVIOUR group H over sockets: sessions that need more than one cookie."""

import secrets
from pathlib import Path

import pytest

from tests.fakes.gateway import HOST
from tests.fakes.raw_client import get
from tests.fakes.scene import COOKIE, DomainBrowser, Scene, ours_in, scene, seen

# The app of these tests takes only the id: what an app can be told has a bound of its own.
QUIET = "[identity]\nassertion = 'off'\n[identity.headers]\nX-User-Id = 'id'\n"


def pieces(cookies: dict[str, str]) -> list[str]:
    return sorted(name for name in cookies if name == COOKIE or name.startswith(f"{COOKIE}."))


def crowd(at: Scene, size: int) -> None:
    """Give Alice groups of *size* bytes that nothing compresses."""
    at.issuer.users["alice"]["groups"] = [secrets.token_hex(20) for _ in range(size // 43)]


@pytest.mark.parametrize(("size", "count"), [(100, 1), (2600, 2), (5000, 3)])
async def test_B124_a_big_session_is_split_joined_renewed_and_shrinks_again(
    tmp_path: Path, size: int, count: int
) -> None:
    async with scene(tmp_path, tables=QUIET) as at:
        crowd(at, size)
        alice = await at.signed_in()
        assert len(pieces(alice.cookies[HOST])) == count
        assert (await alice.fetch(at.url + "/x")).status == 200
        assert len(at.app.requests) == 2
        at.clock.advance(600)
        page = await alice.fetch(at.url + "/x")
        assert page.status == 200
        for line in page.set_cookies:
            assert len(line.encode()) <= 4096
        assert len(pieces(alice.cookies[HOST])) == count
        assert not any(b"__Host-" in request for request in at.app.requests)
        crowd(at, 0)
        await alice.navigate(f"{at.ours}/signin?return_to=/")
        assert pieces(alice.cookies[HOST]) == [COOKIE]
        assert (await alice.fetch(at.url + "/x")).status == 200


@pytest.mark.parametrize(
    "harm", ["first gone", "middle gone", "last gone", "swapped", "doubled", "of another"]
)
async def test_B125_S04_pieces_that_are_not_exactly_ours_are_rejected_and_all_cleared(
    tmp_path: Path, harm: str
) -> None:
    async with scene(tmp_path, tables=QUIET) as at:
        crowd(at, 5000)
        alice, other = await at.signed_in(), await at.signed_in()
        jar = dict(alice.cookies[HOST])
        first, middle, last = pieces(jar)
        extra = ""
        if harm.endswith("gone"):
            del jar[{"first gone": first, "middle gone": middle, "last gone": last}[harm]]
        elif harm == "swapped":
            jar[middle], jar[last] = jar[last], jar[middle]
        elif harm == "doubled":
            extra = f"; {middle}={jar[last]}"
        else:
            jar[middle] = other.cookies[HOST][middle]
        line = "; ".join(f"{name}={value}" for name, value in jar.items()) + extra
        passed = len(at.app.requests)
        answer = await at.raw(get("/x", f"Cookie: {line}", host=HOST))
        assert answer.status == 401
        assert len(at.app.requests) == passed
        cleared = {line.partition(b"=")[0].decode() for line in answer.values("set-cookie")}
        assert set(pieces(jar)) <= cleared
        assert all(b"Max-Age=0" in line for line in answer.values("set-cookie"))


async def test_B125_S04_a_stale_higher_piece_is_ignored_and_cleared(tmp_path: Path) -> None:
    async with scene(tmp_path, tables=QUIET) as at:
        alice = await at.signed_in()
        alice.cookies[HOST][f"{COOKIE}.2"] = "stale"
        page = await alice.fetch(at.url + "/x")
        assert page.status == 200
        assert pieces(alice.cookies[HOST]) == [COOKIE]


@pytest.mark.parametrize("size", [7000, 30_000])
async def test_B126_S05_what_needs_a_fourth_piece_fails_with_a_page_and_names_the_claims(
    tmp_path: Path, size: int
) -> None:
    async with scene(tmp_path, tables=QUIET) as at:
        crowd(at, size)
        browser = at.gate.browser()
        page = await browser.navigate(at.url + "/")
        assert page.status == 500
        assert "Your profile is too large" in page.text
        assert pieces(browser.cookies[HOST]) == []
        assert at.app.requests == []
    assert "largest: groups" in at.gate.log
    assert [event["reason"] for event in at.gate.events("auth.login.failure")] == ["SessionTooLarge"]
    assert at.gate.events("session.created") == [], "none began (rule B144)"


async def test_B126_what_is_written_is_accepted_back_by_every_node(tmp_path: Path) -> None:
    async with scene(tmp_path, tables=QUIET) as at, at.node() as second:
        written = 0
        for size in range(5800, 6800, 90):
            crowd(at, size)
            alice = at.gate.browser()
            page = await alice.navigate(at.url + "/x")
            if page.status == 500:
                continue
            written += 1
            at.visits(alice, second)
            assert (await alice.fetch(at.url + "/x")).status == 200
        assert 0 < written < 12


async def test_B127_the_issuers_tokens_do_not_make_the_cookie_grow(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        alice = await at.signed_in()
        size = len(alice.cookies[HOST][COOKIE])
        at.issuer.claims = {"padding": "x" * 6000}
        at.issuer.token_answer = {"refresh_token": "r" * 6000}
        again = await at.signed_in()
        assert abs(len(again.cookies[HOST][COOKIE]) - size) < 8


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", '[session.cookie]\ndomain = "example.com"'),
        ('[session.cookie]\ndomain = "example.com"', ""),
        ('[session.cookie]\ndomain = "example.com"', '[session.cookie]\ndomain = "app.example.com"'),
    ],
)
async def test_B128_variants_of_an_earlier_configuration_are_cleared_and_shadow_nothing(
    tmp_path: Path, before: str, after: str
) -> None:
    async with scene(tmp_path, tables=before) as at, at.node(tables=after) as second:
        browser = DomainBrowser(dict(at.gate.places))
        await at.signed_in(browser=browser)
        old = {name for name in browser.cookies[HOST] if name.endswith("-session")}
        at.visits(browser, second)
        page = await browser.navigate(at.url + "/x")
        assert page.status == 200
        now = {name for name in browser.cookies[HOST] if name.endswith("-session")}
        assert len(now) == 1
        assert now != old or old == {"__Secure-session"}
        assert (await browser.fetch(at.url + "/x")).set_cookies == []
        assert seen(at.app.requests[-1], "X-User-Id") == [await at.user_id()]


async def test_B128_an_old_variant_beside_a_good_cookie_is_cleared(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        alice = await at.signed_in()
        alice.cookies[HOST]["__Secure-session"] = "old"
        page = await alice.fetch(at.url + "/x")
        assert page.status == 200
        assert all("Max-Age=0" in line for line in ours_in(page, "__Secure-session"))
        assert ours_in(page, "__Secure-session") != []
        assert "__Secure-session" not in alice.cookies[HOST]


async def test_B126_300_groups_fit_where_a_session_carries_those_that_are_needed(tmp_path: Path) -> None:
    keys = 'keep_groups = ["wiki-*"]'
    route = 'deny = { groups = ["contractors"] }'
    async with scene(tmp_path, provider_keys=keys, route_keys=route) as at:
        at.issuer.users["alice"]["groups"] = [
            *(secrets.token_hex(18) for _ in range(300)),
            "wiki-a",
            "wiki-b",
        ]
        await at.signed_in()
        assert seen(at.app.requests[-1], "X-User-Groups") == ["wiki-a,wiki-b"]
        at.issuer.users["bob"]["groups"] = [*(secrets.token_hex(18) for _ in range(300)), "contractors"]
        at.issuer.user = "bob"
        assert (await at.gate.browser().navigate(at.url + "/")).status == 403

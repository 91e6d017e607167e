"""ATTACKS R against a whole gateway: at sign-in and sign-out a hostile target is 400, never repaired."""

from pathlib import Path
from urllib.parse import quote, urlencode

import pytest

from tests.fakes.gateway import route
from tests.fakes.raw_client import get
from tests.fakes.scene import COOKIE, PREFIX, Scene, scene
from tests.fakes.targets import GOOD, HOST, ROWS

WIKI = "wiki.example.com"
TABLES = '[session.cookie]\ndomain = "example.com"\n' + "".join(
    route("{app}", f'host = "{host}"') for host in (WIKI, "*.apps.example.com")
)
HOSTILE = [target for targets in ROWS.values() for target in targets]


def spelled(target: str) -> str:
    return quote(target.encode("utf-8", "surrogatepass"), safe="")


def test_there_are_enough_of_them() -> None:
    assert len(HOSTILE) >= 100


async def refused(at: Scene, path: str, *, host: str = HOST) -> None:
    answer = await at.raw(get(path, "Accept: text/html", "Sec-Fetch-Mode: navigate", host=host))
    assert answer.status == 400, path
    assert answer.values("location") == [], path
    assert b"evil" not in answer.body, path
    assert not any(b"-login-" in line for line in answer.values("set-cookie")), path


@pytest.mark.parametrize("row", ROWS)
async def test_R01_to_R11_no_login_starts_with_a_hostile_target(tmp_path: Path, row: str) -> None:
    async with scene(tmp_path, tables=TABLES, route_keys=f'host = "{HOST}"') as at:
        for target in ROWS[row]:
            for page in ("/signin", "/signin/issuer", "/signout"):
                for name in ("return_to", "callbackUrl"):
                    await refused(at, f"{PREFIX}{page}?{name}={spelled(target)}")
        assert at.issuer.requests == []


@pytest.mark.parametrize("row", ROWS)
async def test_R01_to_R11_another_host_of_ours_is_no_softer(tmp_path: Path, row: str) -> None:
    async with scene(tmp_path, tables=TABLES, route_keys=f'host = "{HOST}"') as at:
        for target in ROWS[row]:
            await refused(at, f"{PREFIX}/signin?return_to={spelled(target)}", host=WIKI)


@pytest.mark.parametrize("row", ["R01", "R02", "R05", "R07", "R08"])
async def test_R01_R12_a_sign_out_does_not_happen_with_a_hostile_target(tmp_path: Path, row: str) -> None:
    async with scene(tmp_path) as at:
        alice = await at.signed_in()
        form = {"csrfToken": await at.csrf(alice)}
        for target in ROWS[row]:
            page = await alice.submit(f"{at.ours}/signout", {**form, "return_to": target}, follow=False)
            assert page.status == 400, target
            page = await alice.submit(f"{at.ours}/signin/issuer", {**form, "return_to": target}, follow=False)
            assert page.status == 400, target
        assert alice.cookie(at.url, COOKIE) is not None
        assert (await alice.fetch(at.url + "/")).status == 200


async def test_R_a_good_target_is_where_the_login_ends(tmp_path: Path) -> None:
    async with scene(tmp_path, tables=TABLES, route_keys=f'host = "{HOST}"') as at:
        for target, lands in GOOD.items():
            browser = at.gate.browser()
            page = await browser.navigate(
                f"{at.ours}/signin?{urlencode({'return_to': target})}", follow=False
            )
            done = await browser.navigate(at.issuer.consent(page.location), follow=False)
            assert done.status == 303, target
            assert done.answer.values("location") == [lands.encode()]


async def test_R_a_target_in_a_transaction_cannot_be_swapped(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        browser = at.gate.browser()
        url = await at.departed(browser, "/safe")
        page = await browser.navigate(f"{url}&return_to=//evil.example", follow=False)
        assert page.location == f"{at.url}/safe"

"""Sign-in pages and starts; the story of a whole login is in tests/behaviour/test_login.py."""

from pathlib import Path

import msgspec
import pytest

from gateway.errors import IssuerUnavailable
from tests.fakes.site import FETCH, PREFIX, URL, header, site

SCRIPT = (*FETCH, (b"X-Auth-Return-Redirect", b"1"))


async def test_several_providers_get_one_button_each_and_the_way_back_is_kept(tmp_path: Path) -> None:
    async with site(tmp_path, providers=("demo", "corp")) as gate:
        page = (await gate.get(f"{PREFIX}/signin?return_to=/x%3Fy%3D%22")).body.decode()
        assert page.count("<button") == 2
        assert f'formaction="{PREFIX}/signin/corp"' in page
        assert 'name="return_to" value="/x?y=&#34;"' in page
        assert gate.transactions == []


async def test_the_button_starts_the_login_with_303(tmp_path: Path) -> None:
    async with site(tmp_path, providers=("demo", "corp")) as gate:
        on = await gate.post(f"{PREFIX}/signin/corp", {"return_to": "/x"})
        assert on.status == 303
        assert header(on, b"Location").startswith("https://corp.example/authorize?")
        assert header(await gate.come_back("corp"), b"Location") == "/x"


@pytest.mark.parametrize("token", ["", "x" * 86])
async def test_B021_a_start_without_a_valid_token_is_403(tmp_path: Path, token: str) -> None:
    async with site(tmp_path) as gate:
        gate.token()
        answer = await gate.post(f"{PREFIX}/signin/demo", token=token)
        assert answer.status == 403
        assert gate.issuers["demo"].begun == []


async def test_a_foreign_form_is_refused_before_its_body_is_read(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        foreign = gate.inbound(
            f"{PREFIX}/signin/demo", method="POST", headers=((b"Origin", b"https://evil"),)
        )
        assert (await gate.send(foreign)).status == 403


async def test_get_with_a_provider_and_no_target_shows_the_button_instead_of_starting(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        page = await gate.get(f"{PREFIX}/signin/demo")
        assert page.status == 200
        assert b"Continue with Demo" in page.body
        assert gate.issuers["demo"].begun == []


@pytest.mark.parametrize("local", ["/signin", "/signin?return_to=/x", "/signin/demo"])
async def test_where_nobody_signs_in_there_is_no_page(tmp_path: Path, local: str) -> None:
    async with site(tmp_path, providers=()) as gate:
        assert (await gate.get(PREFIX + local)).status == 404


async def test_a_provider_that_is_not_there_has_no_page(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        assert (await gate.get(f"{PREFIX}/signin/other")).status == 404


async def test_two_targets_are_400(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        assert (await gate.get(f"{PREFIX}/signin?return_to=/a&return_to=/b")).status == 400


async def test_R11_our_own_endpoints_are_no_target(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        answer = await gate.get(f"{PREFIX}/signin?return_to={PREFIX}/signin")
        assert answer.status == 400
        assert b"bad_return_target" in answer.body


async def test_L150_a_script_gets_the_url_of_the_issuer(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        answer = await gate.post(f"{PREFIX}/signin/demo", {"callbackUrl": f"{URL}/x"}, SCRIPT)
        assert answer.status == 200
        assert msgspec.json.decode(answer.body)["url"].startswith("https://demo.example/authorize?")
        assert header(await gate.come_back(), b"Location") == "/x"


async def test_L151_a_login_that_fails_tells_a_script_where_the_error_is_explained(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        gate.issuers["demo"].down = IssuerUnavailable("down")
        answer = await gate.post(f"{PREFIX}/signin/demo", headers=SCRIPT)
        assert answer.status == 200
        url = msgspec.json.decode(answer.body)["url"]
        assert url == f"{URL}{PREFIX}/error?error=issuer_unavailable"


async def test_the_page_names_who_is_signed_in_already(tmp_path: Path) -> None:
    async with site(tmp_path, providers=("demo", "corp")) as gate:
        await gate.sign_in("demo")
        assert b"You are signed in as Ann." in (await gate.get(f"{PREFIX}/signin")).body

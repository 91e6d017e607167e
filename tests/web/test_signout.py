"""Sign-out: asked by GET, done by POST, and never more or less than was asked."""

from pathlib import Path

import msgspec
import pytest

from gateway.errors import StoreUnavailable
from gateway.model.session import Session
from tests.fakes.site import FETCH, PREFIX, URL, header, site


async def test_B105_a_valid_form_ends_the_session_and_leads_to_return_to(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        await gate.sign_in()
        answer = await gate.post(f"{PREFIX}/signout", {"return_to": "/bye"})
        assert (answer.status, header(answer, b"Location")) == (303, "/bye")
        assert header(answer, b"Clear-Site-Data") == '"cache"'
        assert gate.signed_in == ""


async def test_without_a_target_the_news_is_shown(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        await gate.sign_in()
        answer = await gate.post(f"{PREFIX}/signout")
        assert header(answer, b"Location") == f"{PREFIX}/signout"
        assert b"You are signed out" in (await gate.get(f"{PREFIX}/signout")).body


@pytest.mark.parametrize("token", ["", "x" * 86])
async def test_B106_S16_without_a_valid_token_nothing_ends(tmp_path: Path, token: str) -> None:
    async with site(tmp_path) as gate:
        await gate.sign_in()
        assert (await gate.post(f"{PREFIX}/signout", token=token)).status == 403
        assert gate.signed_in


async def test_B106_S16_get_shows_a_page_and_ends_nothing(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        await gate.sign_in()
        page = await gate.get(f"{PREFIX}/signout")
        assert b"You are signed in as Ann." in page.body
        assert gate.signed_in


@pytest.mark.parametrize(
    "wish",
    [{"scope": "x"}, {"scope": "ALL"}, {"federated": "yes"}, {"federated": "1", "scope": "others"}],
)
async def test_a_wish_that_is_not_understood_is_refused_and_not_ignored(
    tmp_path: Path, wish: dict[str, str]
) -> None:
    async with site(tmp_path) as gate:
        await gate.sign_in()
        assert (await gate.post(f"{PREFIX}/signout", wish)).status == 400
        assert gate.signed_in


async def test_a_target_that_could_leave_is_refused_before_anything_ends(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        await gate.sign_in()
        assert (await gate.post(f"{PREFIX}/signout", {"return_to": "//evil"})).status == 400
        assert gate.signed_in


async def test_an_end_that_is_not_recorded_is_503_with_the_cookie_cleared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with site(tmp_path) as gate:
        await gate.sign_in()

        async def down(_session: Session) -> None:
            raise StoreUnavailable("locked")

        monkeypatch.setattr(gate.sessions, "end", down)
        answer = await gate.post(f"{PREFIX}/signout")
        assert answer.status == 503
        assert b"Sign-out is incomplete" in answer.body
        assert gate.signed_in == ""


async def test_L150_a_script_gets_an_absolute_url(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        await gate.sign_in()
        script = (*FETCH, (b"X-Auth-Return-Redirect", b"1"))
        answer = await gate.post(f"{PREFIX}/signout", {"callbackUrl": f"{URL}/x"}, script)
        assert msgspec.json.decode(answer.body) == {"url": f"{URL}/x"}
        assert gate.signed_in == ""


async def test_after_the_lease_the_page_asks_no_store(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        await gate.sign_in()
        gate.clock.advance(601)
        await gate.database.close()
        page = await gate.get(f"{PREFIX}/signout")
        assert page.status == 200
        assert b"This ends your session in this browser." in page.body


async def test_B112_all_and_others_end_what_they_say(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        await gate.sign_in()
        assert header(await gate.post(f"{PREFIX}/signout", {"scope": "others"}), b"Location") == (
            f"{PREFIX}/account"
        )
        session = gate.sessions.load(gate.browser.headers()).session
        assert session is not None
        assert session.epoch == 1
        assert (await gate.post(f"{PREFIX}/signout", {"scope": "all"})).status == 303
        assert gate.signed_in == ""


async def test_B112_without_a_session_others_is_401_and_all_is_no_error(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        assert (await gate.post(f"{PREFIX}/signout", {"scope": "others"}, FETCH)).status == 401
        assert (await gate.post(f"{PREFIX}/signout", {"scope": "all"})).status == 303


async def test_B115_a_script_is_told_the_way_to_the_issuer(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        gate.issuers["demo"].ends_sessions = True
        await gate.sign_in()
        script = (*FETCH, (b"X-Auth-Return-Redirect", b"1"))
        answer = await gate.post(f"{PREFIX}/signout", {"federated": "1"}, script)
        assert msgspec.json.decode(answer.body)["url"].startswith("https://demo.example/logout?")
        assert gate.signed_in == ""


async def test_B115_without_a_session_there_is_no_way_to_an_issuer(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        gate.issuers["demo"].ends_sessions = True
        answer = await gate.post(f"{PREFIX}/signout", {"federated": "1"})
        assert header(answer, b"Location") == f"{PREFIX}/signout"


async def test_the_page_offers_the_issuer_only_where_it_ends_sessions(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        await gate.sign_in()
        assert b"federated" not in (await gate.get(f"{PREFIX}/signout")).body
        gate.issuers["demo"].ends_sessions = True
        page = await gate.get(f"{PREFIX}/signout")
        assert b"Sign out of Demo too" in page.body
        assert "form-action 'self' https:" in header(page, b"Content-Security-Policy")


async def test_B106_a_post_with_nothing_in_it_is_a_form_without_a_token(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        await gate.sign_in()
        assert (await gate.send(gate.inbound(f"{PREFIX}/signout", method="POST"))).status == 403
        again = await gate.send(gate.inbound(f"{PREFIX}/session", method="POST"))
        assert (again.status, again.body) == (400, b"null")
        assert gate.signed_in

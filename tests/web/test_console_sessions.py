"""Sessions of everybody: listed by pages, each ended by its public id."""

import re
from pathlib import Path

import pytest

from gateway.sessions.strategy import public_id
from gateway.web import console_sessions
from tests.fakes.administrators import ADMIN, administered, page, press, signed_in_elsewhere
from tests.fakes.jar import Jar
from tests.fakes.site import FETCH, PREFIX, Site, header

HOSTILE_AGENT = b'<script>alert(1)</script>"><b>'


def ends(text: str) -> list[str]:
    return re.findall(r'action="[^"]*/admin/sessions/([0-9a-f]{16})"', text)


async def mine(gate: Site) -> str:
    session = gate.sessions.load(gate.browser.headers()).session
    assert session is not None
    return public_id(session.id)


async def test_sessions_are_listed_with_whose_they_are_and_this_one_is_marked(tmp_path: Path) -> None:
    async with administered(tmp_path) as gate:
        gate.clock.advance(1)
        bob, _ = await signed_in_elsewhere(gate)
        text = await page(gate, "sessions")
        assert text.count("this one") == 1
        (other,) = ends(text)
        assert other != await mine(gate)
        assert f'href="{ADMIN}/users/{bob}"><bdi>Person bob-1</bdi>' in text
        assert f'href="{ADMIN}/users/{gate.signed_in}"><bdi>Ann</bdi>' in text


async def test_no_page_holds_what_a_cookie_or_a_store_is_keyed_by(tmp_path: Path) -> None:
    async with administered(tmp_path) as gate:
        session = gate.sessions.load(gate.browser.headers()).session
        assert session is not None
        for path in ("sessions", f"users/{gate.signed_in}"):
            text = await page(gate, path)
            for secret in (session.id, session.token_id, *gate.browser.cookies.values()):
                assert secret not in text
            assert not re.search(r"[0-9a-f]{17}", text)


async def test_S20_a_session_ends_by_its_id_and_a_second_press_says_that_it_is_gone(tmp_path: Path) -> None:
    async with administered(tmp_path) as gate:
        _, theirs = await signed_in_elsewhere(gate)
        (public,) = ends(await page(gate, "sessions"))
        answer = await press(gate, f"sessions/{public}")
        assert (answer.status, header(answer, b"Location")) == (303, f"{ADMIN}/sessions?done=ended")
        assert "The session is ended." in await page(gate, "sessions?done=ended")
        assert (await press(gate, f"sessions/{public}")).status == 404
        gate.browser = theirs
        assert (await gate.get(f"{PREFIX}/account", FETCH)).status == 401


async def test_ended_from_a_user_s_page_it_leads_back_there(tmp_path: Path) -> None:
    async with administered(tmp_path) as gate:
        bob, _ = await signed_in_elsewhere(gate)
        (public,) = ends(await page(gate, "sessions"))
        answer = await press(gate, f"sessions/{public}", {"user": bob})
        assert header(answer, b"Location") == f"{ADMIN}/users/{bob}?done=ended"


@pytest.mark.parametrize("user", ["//evil.example", "../x", "u_a?x", "", "U"])
async def test_a_form_leads_nowhere_else(tmp_path: Path, user: str) -> None:
    async with administered(tmp_path) as gate:
        await signed_in_elsewhere(gate)
        (public,) = ends(await page(gate, "sessions"))
        answer = await press(gate, f"sessions/{public}", {"user": user})
        assert header(answer, b"Location") == f"{ADMIN}/sessions?done=ended"


async def test_who_has_to_sign_in_again_comes_back_to_where_the_button_was(tmp_path: Path) -> None:
    async with administered(tmp_path) as gate:
        bob, _ = await signed_in_elsewhere(gate)
        (public,) = ends(await page(gate, "sessions"))
        gate.clock.advance(901)
        for fields, back in (({}, "sessions"), ({"user": bob}, f"users/{bob}")):
            await press(gate, f"sessions/{public}", fields)
            gate.clock.advance(61)
            assert header(await gate.come_back("demo"), b"Location") == f"{ADMIN}/{back}"
            gate.clock.advance(901)


async def test_no_session_of_that_id_is_404(tmp_path: Path) -> None:
    async with administered(tmp_path) as gate:
        for name in ("x", "0" * 16, "0" * 15, "A" * 16, "%", "0" * 17):
            assert (await press(gate, f"sessions/{name}")).status == 404
        assert len(await gate.database.sign_ins.listed()) == 1


async def test_sessions_come_by_pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console_sessions, "PAGE", 2)
    async with administered(tmp_path) as gate:
        for number in range(4):
            gate.clock.advance(number % 2)
            await signed_in_elsewhere(gate, f"person-{number}")
        seen, path = [], "sessions"
        while path:
            text = await page(gate, path)
            seen += re.findall(r"<code>([0-9a-f]{16})</code>", text)
            found = re.search(r'href="[^"]*/admin/(sessions\?after=[^"]*)"', text)
            path = found[1] if found else ""
        assert seen == [each.public_id for each in await gate.database.sign_ins.page(limit=9)]
        assert len(seen) == 5
        assert "The newest" in text
        assert "There are no more sessions" in await page(gate, "sessions?after=1-a")
        assert (await gate.get(f"{ADMIN}/sessions?after=now")).status == 400


async def test_S29_a_hostile_browser_is_a_word(tmp_path: Path) -> None:
    async with administered(tmp_path) as gate:
        ann, gate.browser = gate.browser, Jar()
        start = gate.inbound(f"{PREFIX}/signin/corp?return_to=/")
        await gate.send(start)
        back = gate.inbound(
            gate.way_back("corp"),
            headers=((b"User-Agent", HOSTILE_AGENT), (b"Sec-Fetch-Mode", b"navigate")),
        )
        await gate.send(back)
        gate.browser = ann
        body = (await gate.get(f"{ADMIN}/sessions")).body.decode()
        assert len(ends(body)) == 1
        assert "<script" not in body
        assert "<b>" not in body

"""The console opens for administrators alone, as of this very request, and to nothing that a script sends."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from gateway.errors import StoreUnavailable
from gateway.model.session import Session
from tests.fakes.administrators import ADMIN, added, administered, press, promoted, signed_in_elsewhere
from tests.fakes.jar import Jar
from tests.fakes.site import FETCH, NAVIGATION, PREFIX, URL, Site, header, site

GETS = ["", "users/u_x", "sessions", "audit", "routes", "providers"]
POSTS = ["users/disable", "users/enable", "users/grant", "users/revoke", "users/end", "sessions"]
FORM = (
    (b"Content-Type", b"application/x-www-form-urlencoded"),
    (b"Origin", URL.encode()),
    (b"Sec-Fetch-Site", b"same-origin"),
)


async def unchanged(gate: Site, act: Callable[[str], Awaitable[int]]) -> set[int]:
    """Try each form on Bob by *act*, which returns a status; hold that nothing of him changed."""
    bob, _ = await signed_in_elsewhere(gate)
    before = await gate.database.users.find(bob), await gate.database.sign_ins.listed(bob)
    statuses = set()
    for path in POSTS:
        name = before[1][0].public_id if path == "sessions" else bob
        statuses.add(await act(f"{path}/{name}"))
    assert (await gate.database.users.find(bob), await gate.database.sign_ins.listed(bob)) == before
    assert [event for event in gate.events if event.name.startswith("admin.")] == []
    return statuses


async def test_C12_nobody_signed_in_is_led_to_sign_in_and_back(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        for path in GETS:
            answer = await gate.get(f"{ADMIN}/{path}")
            location = header(answer, b"Location")
            assert (answer.status, location) == (302, f"{PREFIX}/signin?return_to={ADMIN}/{path}")
            assert (await gate.get(f"{ADMIN}/{path}", FETCH)).status == 401


async def test_C12_a_sign_in_leads_back_to_the_very_page_and_its_query(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        location = header(await gate.get(f"{ADMIN}/?q=bob%40"), b"Location")
        assert location == f"{PREFIX}/signin?return_to={ADMIN}/%3Fq%3Dbob%2540"
        await gate.get(location)
        assert header(await gate.come_back(), b"Location") == f"{ADMIN}/?q=bob%40"


async def test_C12_without_the_role_every_page_is_403(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        await gate.sign_in()
        await gate.database.users.change_roles(gate.signed_in, grant=["administrator", "Admin", "editor"])
        for path in GETS:
            answer = await gate.get(f"{ADMIN}/{path}")
            assert answer.status == 403
            assert b"You may not open this page" in answer.body
            assert b"access_denied" in (await gate.get(f"{ADMIN}/{path}", FETCH)).body


async def test_C12_without_the_role_every_form_is_403_and_changes_nothing(tmp_path: Path) -> None:
    async with site(tmp_path, providers=("demo", "corp")) as gate:
        await gate.sign_in("demo")

        async def act(path: str) -> int:
            return (await press(gate, path, {"role": "admin"})).status

        assert await unchanged(gate, act) == {403}


async def test_C12_nobody_signed_in_sends_no_form(tmp_path: Path) -> None:
    async with administered(tmp_path) as gate:

        async def act(path: str) -> int:
            gate.browser = Jar()
            return (await press(gate, path, {"role": "admin"})).status

        assert await unchanged(gate, act) == {401}


async def test_C12_B067_a_demotion_bites_at_the_next_request_and_so_does_a_promotion(tmp_path: Path) -> None:
    async with administered(tmp_path) as gate:
        assert (await gate.get(f"{ADMIN}/")).status == 200
        await gate.database.users.change_roles(gate.signed_in, revoke=["admin"])
        bob = await added(gate)
        assert (await gate.get(f"{ADMIN}/")).status == 403
        assert (await press(gate, f"users/disable/{bob.id}")).status == 403
        await gate.database.users.change_roles(gate.signed_in, grant=["admin"])
        assert (await gate.get(f"{ADMIN}/")).status == 200


async def test_C12_a_session_that_ended_opens_nothing(tmp_path: Path) -> None:
    async with administered(tmp_path) as gate:
        await gate.database.end_sessions_of(gate.signed_in)
        answer = await gate.get(f"{ADMIN}/")
        assert answer.status == 302
        assert gate.signed_in == ""


async def test_C12_while_the_store_is_down_it_is_503_and_nobody_is_signed_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with administered(tmp_path) as gate:
        mine = gate.signed_in

        async def down(_session: Session) -> None:
            raise StoreUnavailable("locked")

        monkeypatch.setattr(gate.sessions, "confirm", down)
        answer = await gate.get(f"{ADMIN}/")
        assert (answer.status, header(answer, b"Retry-After")) == (503, "5")
        assert (await press(gate, f"users/disable/{mine}")).status == 503
        assert gate.signed_in == mine


@pytest.mark.parametrize("token", ["", "x" * 86])
async def test_C12_without_a_valid_token_no_form_counts(tmp_path: Path, token: str) -> None:
    async with administered(tmp_path) as gate:

        async def act(path: str) -> int:
            return (await press(gate, path, {"role": "admin"}, token=token)).status

        assert await unchanged(gate, act) == {403}


async def test_C12_a_token_that_any_script_of_ours_can_read_is_none_of_the_console(tmp_path: Path) -> None:
    async with administered(tmp_path) as gate:

        async def act(path: str) -> int:
            return (await press(gate, path, {"role": "admin"}, token=gate.token())).status

        assert await unchanged(gate, act) == {403}


@pytest.mark.parametrize(
    "headers",
    [
        ((b"Origin", b"https://evil.example"),),
        ((b"Origin", b"null"),),
        ((b"Origin", URL.encode()), (b"Sec-Fetch-Site", b"cross-site")),
        ((b"Origin", URL.encode()), (b"Sec-Fetch-Site", b"same-site")),
        ((b"Origin", URL.encode()), (b"Sec-Fetch-Mode", b"cors")),
        ((b"Origin", URL.encode()), (b"Sec-Fetch-Mode", b"navigate"), (b"Sec-Fetch-Dest", b"iframe")),
    ],
)
async def test_C12_a_form_from_elsewhere_or_by_a_script_changes_nothing(
    tmp_path: Path, headers: tuple[tuple[bytes, bytes], ...]
) -> None:
    async with administered(tmp_path) as gate:
        token = gate.token("console-csrf")

        async def act(path: str) -> int:
            inbound = gate.inbound(f"{ADMIN}/{path}", method="POST", headers=(FORM[0], *headers))
            return (await gate.send(inbound, f"csrfToken={token}&role=admin".encode())).status

        assert await unchanged(gate, act) == {403}


@pytest.mark.parametrize(
    "headers",
    [
        FETCH,
        ((b"Sec-Fetch-Mode", b"no-cors"), (b"Sec-Fetch-Dest", b"image"), (b"Accept", b"text/html")),
        ((b"Sec-Fetch-Mode", b"navigate"), (b"Sec-Fetch-Dest", b"iframe"), (b"Accept", b"text/html")),
        (*NAVIGATION, (b"Sec-Fetch-Mode", b"navigate")),
    ],
)
async def test_C12_no_page_is_read_by_a_script_or_in_a_frame(
    tmp_path: Path, headers: tuple[tuple[bytes, bytes], ...]
) -> None:
    async with administered(tmp_path) as gate:
        for path in GETS:
            assert (await gate.get(f"{ADMIN}/{path}", headers)).status == 403
        page = await gate.get(f"{ADMIN}/", (*NAVIGATION, (b"Sec-Fetch-Dest", b"document")))
        assert page.status == 200
        assert "frame-ancestors 'none'" in header(page, b"Content-Security-Policy")
        assert header(page, b"Cross-Origin-Opener-Policy") == "same-origin"
        assert header(page, b"Cache-Control") == "private, no-store"


async def test_C12_a_browser_that_says_nothing_of_itself_is_let_in(tmp_path: Path) -> None:
    async with administered(tmp_path) as gate:
        assert (await gate.get(f"{ADMIN}/", ((b"Accept", b"text/html"),))).status == 200


async def test_C12_get_changes_nothing(tmp_path: Path) -> None:
    async with administered(tmp_path) as gate:

        async def act(path: str) -> int:
            target = f"{ADMIN}/{path}?role=admin&csrfToken={gate.token('console-csrf')}"
            return (await gate.get(target)).status

        assert await unchanged(gate, act) == {405}


async def test_C12_a_bearer_s_token_opens_nothing(tmp_path: Path) -> None:
    async with administered(tmp_path) as gate:
        gate.browser = Jar()
        bearer = (b"Authorization", b"Bearer vst_" + b"a" * 49)
        assert (await gate.get(f"{ADMIN}/", (*NAVIGATION, bearer))).status == 302
        assert (await gate.get(f"{ADMIN}/", (*FETCH, bearer))).status == 401


async def test_C12_on_another_host_of_ours_pages_lead_home_and_forms_are_refused(tmp_path: Path) -> None:
    async with administered(tmp_path) as gate:
        there = gate.inbound(f"{ADMIN}/?q=b", host="wiki.example.com")
        assert header(await gate.send(there), b"Location") == f"{URL}{ADMIN}/?q=b"
        token = gate.token("console-csrf")

        async def act(path: str) -> int:
            origin = (b"Origin", b"https://wiki.example.com")
            form = (FORM[0], origin, FORM[2], *NAVIGATION)
            inbound = gate.inbound(f"{ADMIN}/{path}", method="POST", headers=form, host="wiki.example.com")
            return (await gate.send(inbound, f"csrfToken={token}&role=admin".encode())).status

        assert await unchanged(gate, act) == {403}


async def test_C12_after_a_quarter_of_an_hour_a_change_asks_for_a_new_sign_in_first(tmp_path: Path) -> None:
    async with administered(tmp_path) as gate:
        gate.clock.advance(901)

        async def act(path: str) -> int:
            return (await press(gate, path, {"role": "admin"})).status

        assert await unchanged(gate, act) == {303}
        assert (await gate.get(f"{ADMIN}/")).status == 200, "looking asks for nothing"
        bob = await added(gate)
        assert b"asked to sign in once more" in (await gate.get(f"{ADMIN}/users/{bob.id}")).body
        await press(gate, f"users/disable/{bob.id}")
        await gate.come_back("demo")
        assert b"asked to sign in once more" not in (await gate.get(f"{ADMIN}/users/{bob.id}")).body
        assert (await press(gate, f"users/disable/{bob.id}")).status == 303
        found = await gate.database.users.find(bob.id)
        assert found is not None
        assert not found.enabled


async def test_a_lease_that_is_over_is_renewed_on_the_way_in(tmp_path: Path) -> None:
    async with administered(tmp_path) as gate:
        gate.clock.advance(601)
        before = dict(gate.browser.cookies)
        assert (await gate.get(f"{ADMIN}/")).status == 200
        assert gate.browser.cookies != before


async def test_O39_whoever_comes_first_is_no_administrator(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        await gate.sign_in()
        assert (await gate.get(f"{ADMIN}/")).status == 403
        await promoted(gate)
        assert (await gate.get(f"{ADMIN}/")).status == 200


async def test_P10_the_console_has_one_spelling(tmp_path: Path) -> None:
    async with administered(tmp_path) as gate:
        encoded = replace(gate.inbound(f"{ADMIN}/"), target=b"/.gateway/%61dmin/")
        assert (await gate.send(encoded)).status == 400
        for other in (f"{PREFIX}/ADMIN/", f"{PREFIX}/Admin/", f"{ADMIN}/;x", f"{ADMIN}/users/"):
            assert (await gate.get(other)).status in (400, 404)

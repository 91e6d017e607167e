"""The account page shows who somebody is and lets them add a way to sign in, or give one up."""

import re
from pathlib import Path

import pytest

from gateway.errors import StoreUnavailable
from gateway.flows.unlink import handle_of
from gateway.model.session import Session
from gateway.sessions.strategy import public_id
from tests.fakes.jar import Jar
from tests.fakes.passwords import RIGHT, hash_of
from tests.fakes.site import FETCH, PREFIX, Site, header, site


async def test_the_page_shows_profile_linked_accounts_and_what_can_be_added(tmp_path: Path) -> None:
    async with site(tmp_path, providers=("demo", "corp")) as gate:
        await gate.sign_in("demo")
        page = (await gate.get(f"{PREFIX}/account")).body.decode()
        assert "<h1>Ann</h1>" in page
        assert "ann@demo.example" in page
        assert page.count("in use") == 1
        assert f'action="{PREFIX}/account/link/corp"' in page
        assert f'action="{PREFIX}/account/link/demo"' not in page


async def test_nobody_signed_in_is_led_to_sign_in_and_back(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        answer = await gate.get(f"{PREFIX}/account")
        assert answer.status == 302
        assert header(answer, b"Location") == f"{PREFIX}/signin?return_to={PREFIX}/account"
        assert (await gate.get(f"{PREFIX}/account", FETCH)).status == 401


@pytest.mark.parametrize("token", ["", "x" * 86])
async def test_linking_without_a_valid_token_starts_nothing(tmp_path: Path, token: str) -> None:
    async with site(tmp_path, providers=("demo", "corp")) as gate:
        await gate.sign_in("demo")
        assert (await gate.post(f"{PREFIX}/account/link/corp", token=token)).status == 403
        assert gate.issuers["corp"].begun == []


async def test_linking_without_a_session_is_401(tmp_path: Path) -> None:
    async with site(tmp_path, providers=("demo", "corp")) as gate:
        assert (await gate.post(f"{PREFIX}/account/link/corp")).status == 401
        assert gate.issuers["corp"].begun == []


async def test_the_intent_names_this_session_and_user(tmp_path: Path) -> None:
    async with site(tmp_path, providers=("demo", "corp")) as gate:
        await gate.sign_in("demo")
        session = gate.sessions.load(gate.browser.headers()).session
        await gate.post(f"{PREFIX}/account/link/corp")
        intent = gate.issuers["corp"].begun[-1].link
        assert intent is not None
        assert session is not None
        assert (intent.user_id, intent.session_id) == (session.identity.user_id, session.id)


@pytest.mark.parametrize("remember", ["true", "false"])
@pytest.mark.parametrize("age", [0, 301])
async def test_B043_a_session_that_dies_with_the_browser_is_linked_and_made_anew_as_one(
    tmp_path: Path, age: int, remember: str
) -> None:
    async with site(tmp_path, providers=("demo", "corp")) as gate:
        await gate.post(f"{PREFIX}/signin/demo", {"return_to": "/", "remember": remember})
        await gate.come_back("demo")
        gate.clock.advance(age)
        await gate.post(f"{PREFIX}/account/link/corp")
        await gate.come_back("demo" if age else "corp")
        session = gate.sessions.load(gate.browser.headers()).session
        assert session is not None
        assert session.authenticated_at == int(gate.clock())
        assert session.persistent == (remember == "true")


async def test_an_old_login_is_told_beforehand(tmp_path: Path) -> None:
    async with site(tmp_path, providers=("demo", "corp")) as gate:
        await gate.sign_in("demo")
        gate.clock.advance(301)
        assert b"sign in once more" in (await gate.get(f"{PREFIX}/account")).body


async def test_the_page_renews_a_session_that_is_due(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        await gate.sign_in()
        gate.clock.advance(601)
        before = dict(gate.browser.cookies)
        assert (await gate.get(f"{PREFIX}/account")).status == 200
        assert gate.browser.cookies != before


async def with_two_accounts(gate: Site) -> None:
    """Sign in at demo, and link corp; the session is then one that corp began."""
    await gate.sign_in("demo")
    await gate.post(f"{PREFIX}/account/link/corp")
    await gate.come_back("corp")


def handles(page: str) -> list[str]:
    return re.findall(r'name="account" value="([0-9a-f]+)"', page)


async def test_G114_an_account_is_removed_and_all_other_sessions_end(tmp_path: Path) -> None:
    async with site(tmp_path, providers=("demo", "corp")) as gate:
        await gate.sign_in("demo")
        elsewhere = gate.browser
        gate.browser = Jar()
        await with_two_accounts(gate)
        copy = dict(gate.browser.cookies)
        (handle,) = handles((await gate.get(f"{PREFIX}/account")).body.decode())
        session = gate.sessions.load(gate.browser.headers()).session
        answer = await gate.post(f"{PREFIX}/account/unlink", {"account": handle})
        assert (answer.status, header(answer, b"Location")) == (303, f"{PREFIX}/account")
        page = (await gate.get(f"{PREFIX}/account")).body.decode()
        assert "Demo" in page
        assert f'action="{PREFIX}/account/link/demo"' in page, "demo can be added again"
        reissued = gate.sessions.load(gate.browser.headers()).session
        assert reissued is not None
        assert session is not None
        assert (reissued.id, reissued.epoch) == (session.id, session.epoch + 1)
        assert [event.provider for event in gate.events if event.name == "account.unlinked"] == ["demo"]
        gate.browser = elsewhere
        assert (await gate.get(f"{PREFIX}/account", FETCH)).status == 401
        gate.browser = Jar()
        gate.browser.cookies.update(copy)
        assert (await gate.get(f"{PREFIX}/account", FETCH)).status == 401, "a copy of this session ends too"


async def test_G114_the_session_that_goes_on_is_still_listed_and_no_other(tmp_path: Path) -> None:
    async with site(tmp_path, providers=("demo", "corp")) as gate:
        await gate.sign_in("demo")
        gate.browser = Jar()
        await with_two_accounts(gate)
        (handle,) = handles((await gate.get(f"{PREFIX}/account")).body.decode())
        session = gate.sessions.load(gate.browser.headers()).session
        assert session is not None
        await gate.post(f"{PREFIX}/account/unlink", {"account": handle})
        shown = await gate.database.sign_ins.listed(session.identity.user_id)
        assert [each.public_id for each in shown] == [public_id(session.id)]
        assert "this one" in (await gate.get(f"{PREFIX}/account")).body.decode()


async def test_G114_the_account_in_use_stays_whatever_is_posted(tmp_path: Path) -> None:
    async with site(tmp_path, providers=("demo", "corp")) as gate:
        await with_two_accounts(gate)
        user_id = gate.signed_in
        accounts = await gate.database.users.accounts_of(user_id)
        (corp,) = [account for account in accounts if account.provider == "corp"]
        answer = await gate.post(f"{PREFIX}/account/unlink", {"account": handle_of(corp)})
        assert answer.status == 409
        assert b"This way to sign in stays" in answer.body
        assert await gate.database.users.accounts_of(user_id) == accounts
        assert (await gate.get(f"{PREFIX}/account")).status == 200


async def test_G114_the_only_way_to_sign_in_has_no_button_and_stays(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        await gate.sign_in()
        assert handles((await gate.get(f"{PREFIX}/account")).body.decode()) == []
        (only,) = await gate.database.users.accounts_of(gate.signed_in)
        assert (await gate.post(f"{PREFIX}/account/unlink", {"account": handle_of(only)})).status == 409


@pytest.mark.parametrize("token", ["", "x" * 86])
async def test_removing_without_a_valid_token_changes_nothing(tmp_path: Path, token: str) -> None:
    async with site(tmp_path, providers=("demo", "corp")) as gate:
        await with_two_accounts(gate)
        (handle,) = handles((await gate.get(f"{PREFIX}/account")).body.decode())
        answer = await gate.post(f"{PREFIX}/account/unlink", {"account": handle}, token=token)
        assert answer.status == 403
        assert len(await gate.database.users.accounts_of(gate.signed_in)) == 2


async def test_A23_get_removes_nothing(tmp_path: Path) -> None:
    async with site(tmp_path, providers=("demo", "corp")) as gate:
        await with_two_accounts(gate)
        (handle,) = handles((await gate.get(f"{PREFIX}/account")).body.decode())
        assert (await gate.get(f"{PREFIX}/account/unlink?account={handle}")).status == 405
        assert len(await gate.database.users.accounts_of(gate.signed_in)) == 2


async def test_an_old_login_signs_in_again_before_anything_is_removed(tmp_path: Path) -> None:
    async with site(tmp_path, providers=("demo", "corp")) as gate:
        await with_two_accounts(gate)
        (handle,) = handles((await gate.get(f"{PREFIX}/account")).body.decode())
        gate.clock.advance(301)
        answer = await gate.post(f"{PREFIX}/account/unlink", {"account": handle})
        assert header(answer, b"Location").startswith("https://corp.example/authorize")
        assert gate.issuers["corp"].hints[-1] == {"prompt": "login"}
        assert len(await gate.database.users.accounts_of(gate.signed_in)) == 2


async def test_nobody_signed_in_removes_nothing_and_a_second_click_does_no_harm(tmp_path: Path) -> None:
    async with site(tmp_path, providers=("demo", "corp")) as gate:
        await with_two_accounts(gate)
        (handle,) = handles((await gate.get(f"{PREFIX}/account")).body.decode())
        kept = dict(gate.browser.cookies)
        gate.browser = Jar()
        assert (await gate.post(f"{PREFIX}/account/unlink", {"account": handle})).status == 401
        gate.browser = Jar()
        gate.browser.cookies.update(kept)
        for _ in range(2):
            assert (await gate.post(f"{PREFIX}/account/unlink", {"account": handle})).status == 303
        (account,) = await gate.database.users.accounts_of(gate.signed_in)
        assert account.provider == "corp"


async def test_A17_a_session_that_ended_removes_nothing(tmp_path: Path) -> None:
    async with site(tmp_path, providers=("demo", "corp")) as gate:
        await with_two_accounts(gate)
        user_id = gate.signed_in
        (handle,) = handles((await gate.get(f"{PREFIX}/account")).body.decode())
        await gate.database.users.set_enabled(user_id, enabled=False)
        assert (await gate.post(f"{PREFIX}/account/unlink", {"account": handle})).status == 401
        assert len(await gate.database.users.accounts_of(user_id)) == 2


async def test_B113_sessions_are_listed_and_this_one_is_marked(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        await gate.sign_in()
        page = (await gate.get(f"{PREFIX}/account")).body.decode()
        assert page.count("this one") == 1
        assert "Demo · 192.0.2.1" in page
        assert "End all others" not in page
        gate.browser.cookies.clear()
        await gate.sign_in()
        page = (await gate.get(f"{PREFIX}/account")).body.decode()
        assert page.count(f'action="{PREFIX}/account/sessions/') == 1
        assert "End all others" in page


@pytest.mark.parametrize("name", ["x", "0" * 16, "%2e%2e", "A" * 16])
async def test_B113_a_name_that_is_none_of_mine_is_404(tmp_path: Path, name: str) -> None:
    async with site(tmp_path) as gate:
        await gate.sign_in()
        assert (await gate.post(f"{PREFIX}/account/sessions/{name}")).status in (400, 404)
        assert gate.signed_in


@pytest.mark.parametrize("token", ["", "x" * 86])
async def test_S16_without_a_valid_token_no_session_is_ended(tmp_path: Path, token: str) -> None:
    async with site(tmp_path) as gate:
        await gate.sign_in()
        (shown,) = await gate.database.sign_ins.listed()
        target = f"{PREFIX}/account/sessions/{shown.public_id}"
        assert (await gate.post(target, token=token)).status == 403
        assert (await gate.get(target)).status == 405
        assert len(await gate.database.sign_ins.listed()) == 1


async def test_nobody_signed_in_ends_nothing(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        await gate.sign_in()
        (shown,) = await gate.database.sign_ins.listed()
        gate.browser.cookies.clear()
        assert (await gate.post(f"{PREFIX}/account/sessions/{shown.public_id}", headers=FETCH)).status == 401
        assert len(await gate.database.sign_ins.listed()) == 1


async def test_this_one_ended_by_name_whose_end_is_not_recorded_is_503_and_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with site(tmp_path) as gate:
        await gate.sign_in()
        (shown,) = await gate.database.sign_ins.listed()

        async def down(_session: Session) -> None:
            raise StoreUnavailable("locked")

        monkeypatch.setattr(gate.sessions, "end", down)
        assert (await gate.post(f"{PREFIX}/account/sessions/{shown.public_id}")).status == 503
        assert gate.signed_in == ""


async def by_password(gate: Site, **fields: str) -> None:
    await gate.database.users.add("ann@example.com", name="Ann", password_hash=await hash_of())
    typed = {"username": "ann@example.com", "password": RIGHT, **fields}
    await gate.post(f"{PREFIX}/callback/local", typed)


async def test_a_password_is_a_way_to_sign_in(tmp_path: Path) -> None:
    async with site(tmp_path, by_password=True) as gate:
        await by_password(gate)
        page = (await gate.get(f"{PREFIX}/account")).body.decode()
        assert "<span>Password<small>ann@example.com</small></span>" in page
        assert page.count("in use") == 1
        assert f'action="{PREFIX}/account/link/demo"' in page


async def test_G114_with_a_password_the_only_account_can_be_removed_and_the_password_not(
    tmp_path: Path,
) -> None:
    async with site(tmp_path, by_password=True) as gate:
        await by_password(gate)
        assert handles((await gate.get(f"{PREFIX}/account")).body.decode()) == []
        await gate.post(f"{PREFIX}/account/link/demo")
        await gate.come_back("demo")
        await gate.post(f"{PREFIX}/callback/local", {"username": "ann@example.com", "password": RIGHT})
        (handle,) = handles((await gate.get(f"{PREFIX}/account")).body.decode())
        assert (await gate.post(f"{PREFIX}/account/unlink", {"account": handle})).status == 303
        assert await gate.database.users.accounts_of(gate.signed_in) == ()
        assert (await gate.get(f"{PREFIX}/account")).status == 200


async def test_who_has_no_password_is_not_shown_one(tmp_path: Path) -> None:
    async with site(tmp_path, by_password=True) as gate:
        await gate.sign_in("demo")
        assert "Password" not in (await gate.get(f"{PREFIX}/account")).body.decode()


def ends_with_the_browser(page: bytes) -> bool:
    """Say whether the box is ticked by which a session ends with the browser; there has to be one."""
    [box] = re.findall(rb'<input [^>]*name="remember"[^>]*>', page)
    return b" checked" in box


async def test_B16_an_old_login_by_password_is_made_anew_at_the_form(tmp_path: Path) -> None:
    async with site(tmp_path, by_password=True) as gate:
        await by_password(gate)
        gate.clock.advance(301)
        answer = await gate.post(f"{PREFIX}/account/link/demo")
        assert answer.status == 303
        assert header(answer, b"Location") == f"{PREFIX}/signin?return_to={PREFIX}/account"
        assert gate.issuers["demo"].begun == []
        assert not ends_with_the_browser((await gate.get(header(answer, b"Location"))).body)
        await gate.post(f"{PREFIX}/callback/local", {"username": "ann@example.com", "password": RIGHT})
        answer = await gate.post(f"{PREFIX}/account/link/demo")
        assert header(answer, b"Location").startswith("https://demo.example/authorize?")


async def test_B043_the_form_for_an_old_login_keeps_that_it_dies_with_the_browser(tmp_path: Path) -> None:
    async with site(tmp_path, by_password=True) as gate:
        await by_password(gate, remember="false")
        gate.clock.advance(301)
        where = header(await gate.post(f"{PREFIX}/account/link/demo"), b"Location")
        assert where == f"{PREFIX}/signin?return_to={PREFIX}/account&remember=false"
        assert ends_with_the_browser((await gate.get(where)).body)

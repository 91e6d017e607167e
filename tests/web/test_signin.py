"""Sign-in pages and starts; the story of a whole login is in tests/behaviour/test_login.py."""

from pathlib import Path
from urllib.parse import urlencode

import msgspec
import pytest

from gateway.errors import IssuerUnavailable, Unavailable
from gateway.passage import Passage
from tests.fakes.passwords import RIGHT, hash_of
from tests.fakes.site import FETCH, NAVIGATION, PREFIX, URL, Site, header, site

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


FORM = f'action="{PREFIX}/callback/local"'


async def with_ann(gate: Site) -> str:
    user = await gate.database.users.add("ann@example.com", name="Ann", password_hash=await hash_of())
    return user.id if user else ""


def sent(password: str = RIGHT, **more: str) -> dict[str, str]:
    return {"username": "ann@example.com", "password": password, **more}


@pytest.mark.parametrize("path", ["/signin?return_to=/x", "/signin/local?return_to=/x", "/signin/local"])
async def test_passwords_alone_show_the_form_and_no_button_of_an_issuer(tmp_path: Path, path: str) -> None:
    async with site(tmp_path, providers=(), by_password=True) as gate:
        page = await gate.get(PREFIX + path)
        text = page.body.decode()
        assert page.status == 200
        assert FORM in text
        assert text.count("<button") == 1
        assert ('name="return_to" value="/x"' in text) is ("return_to" in path)
        for hint in ('autocomplete="username"', 'autocomplete="current-password"', 'type="password"'):
            assert hint in text
        assert "maxlength" not in text
        assert "form-action 'self';" in header(page, b"Content-Security-Policy")


async def test_beside_an_issuer_each_has_a_form_of_its_own(tmp_path: Path) -> None:
    async with site(tmp_path, by_password=True) as gate:
        page = (await gate.get(f"{PREFIX}/signin")).body.decode()
        assert page.count("<form") == 2
        before, after = page.split('<div class="or">')
        assert 'type="password"' in before
        assert 'type="password"' not in after
        assert f'formaction="{PREFIX}/signin/demo"' in after


async def test_a_form_that_leads_to_another_host_may_redirect_there(tmp_path: Path) -> None:
    async with site(tmp_path, providers=(), by_password=True) as gate:
        await with_ann(gate)
        page = await gate.get(f"{PREFIX}/signin?return_to=https://wiki.example.com/x")
        assert "form-action 'self' https:;" in header(page, b"Content-Security-Policy")
        form = sent(return_to="https://wiki.example.com/x")
        answer = await gate.post(f"{PREFIX}/callback/local", form)
        assert header(answer, b"Location") == "https://wiki.example.com/x"


async def test_B19_the_form_signs_in_with_303(tmp_path: Path) -> None:
    async with site(tmp_path, by_password=True) as gate:
        ann = await with_ann(gate)
        answer = await gate.post(f"{PREFIX}/callback/local", sent(return_to="/x"))
        assert (answer.status, header(answer, b"Location")) == (303, "/x")
        assert gate.signed_in == ann


async def test_B20_a_script_that_wants_no_page_gets_json(tmp_path: Path) -> None:
    async with site(tmp_path, by_password=True) as gate:
        await with_ann(gate)
        answer = await gate.post(f"{PREFIX}/callback/local", sent("wrong"), FETCH)
        assert answer.status == 401
        assert msgspec.json.decode(answer.body) == {"error": "CredentialsSignin", "request_id": "req-1"}
        assert header(answer, b"WWW-Authenticate") == 'Vestibule realm="sign-in"'


async def test_O34_no_password_comes_back_whatever_was_typed(tmp_path: Path) -> None:
    async with site(tmp_path, by_password=True) as gate:
        form = {"username": '"><script>x</script>', "password": "very-secret-word"}
        page = await gate.post(f"{PREFIX}/callback/local", form)
        assert page.status == 401
        assert b"very-secret-word" not in page.body
        assert b"<script>" not in page.body


async def unread(_most: int) -> bytes:
    raise AssertionError("the form was read")


async def test_O38_without_room_a_login_is_turned_away_unread(tmp_path: Path) -> None:
    async with site(tmp_path, by_password=True) as gate:
        assert gate.passwords is not None
        gate.passwords._most = 0
        for headers in (NAVIGATION, FETCH):
            inbound = gate.inbound(f"{PREFIX}/callback/local", method="POST", headers=headers)
            passage = Passage(request_id="req-7", peer="192.0.2.1", started=0.0)
            try:
                answer = await gate.endpoints.handle(inbound, unread, passage)
            except Unavailable as error:
                answer = gate.errors.answer(error, inbound=inbound, request_id="req-7")
            assert answer.status == 503
            assert header(answer, b"Retry-After") == "5"
            assert b"req-7" in answer.body
            told = (gate.events[-1].name, gate.events[-1].reason)
            assert told == ("auth.login.failure", "unavailable")
        assert msgspec.json.decode(answer.body) == {
            "error": "unavailable",
            "request_id": "req-7",
            "url": f"{URL}{PREFIX}/error?error=unavailable&code=unavailable",
        }
        assert len(gate.events) == 2


@pytest.mark.parametrize("fields", [{}, {"username": "ann@example.com"}, {"password": RIGHT}])
async def test_what_is_left_out_is_wrong(tmp_path: Path, fields: dict[str, str]) -> None:
    async with site(tmp_path, by_password=True) as gate:
        await with_ann(gate)
        assert (await gate.post(f"{PREFIX}/callback/local", fields)).status == 401


@pytest.mark.parametrize("by_password", [True, False])
async def test_no_form_comes_back_from_an_issuer(tmp_path: Path, by_password: bool) -> None:
    async with site(tmp_path, by_password=by_password) as gate:
        answer = await gate.post(f"{PREFIX}/callback/demo", sent())
        assert (answer.status, header(answer, b"Allow")) == (405, "GET, HEAD")


async def test_the_address_of_the_form_reloaded_is_the_sign_in_page(tmp_path: Path) -> None:
    async with site(tmp_path, by_password=True) as gate:
        answer = await gate.get(f"{PREFIX}/callback/local")
        assert (answer.status, header(answer, b"Location")) == (303, f"{URL}{PREFIX}/signin")


async def test_a_start_by_password_leads_to_the_form(tmp_path: Path) -> None:
    async with site(tmp_path, by_password=True) as gate:
        answer = await gate.post(f"{PREFIX}/signin/local", {"return_to": "/x"})
        assert answer.status == 303
        place = header(answer, b"Location")
        assert place.startswith(f"{URL}{PREFIX}/signin/local?")
        assert FORM in (await gate.get(place.removeprefix(URL))).body.decode()


async def test_a_form_on_another_host_of_ours_is_led_home_and_counts_nothing(tmp_path: Path) -> None:
    async with site(tmp_path, by_password=True) as gate:
        await with_ann(gate)
        token = gate.token()
        form = (
            (b"Content-Type", b"application/x-www-form-urlencoded"),
            (b"Origin", b"https://wiki.example.com"),
        )
        inbound = gate.inbound(
            f"{PREFIX}/callback/local", method="POST", headers=form, host="wiki.example.com"
        )
        answer = await gate.send(inbound, urlencode({"csrfToken": token, **sent("wrong")}).encode())
        assert answer.status == 303
        assert header(answer, b"Location").startswith(f"{URL}{PREFIX}/signin")
        assert gate.passwords is not None
        assert gate.passwords.comparisons == []

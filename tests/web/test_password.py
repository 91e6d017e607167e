"""`/account/password`: who may see it, what it says, and what becomes of the sessions."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gateway.model.answer import Answer
from tests.fakes.jar import Jar
from tests.fakes.passwords import RIGHT, hash_of
from tests.fakes.site import FETCH, PREFIX, Site, header, site

ANN = "ann@demo.example"
HERE = f"{PREFIX}/account/password"
NEW = "velvet harbour ostrich nineteen"
WRONG = "wrong horse battery staple"


@asynccontextmanager
async def place(directory: Path, *, by_password: bool = True) -> AsyncIterator[Site]:
    async with site(directory, by_password=by_password) as gate:
        await gate.database.users.add(ANN, name="Ann", password_hash=await hash_of())
        yield gate


async def sign_in(gate: Site, password: str = RIGHT) -> Answer:
    return await gate.post(f"{PREFIX}/callback/local", {"username": ANN, "password": password})


async def change(gate: Site, **fields: str) -> Answer:
    return await gate.post(HERE, {"current": RIGHT, "new": NEW, "again": NEW, **fields})


async def test_the_account_page_leads_to_the_form(tmp_path: Path) -> None:
    async with place(tmp_path) as gate:
        await sign_in(gate)
        assert f'href="{HERE}"'.encode() in (await gate.get(f"{PREFIX}/account")).body
        page = (await gate.get(HERE)).body.decode()
        for field in ("current-password", "new-password", 'autocomplete="username"', ANN):
            assert field in page


async def test_B114_a_new_one_ends_every_other_session_and_this_one_goes_on(tmp_path: Path) -> None:
    async with place(tmp_path) as gate:
        await sign_in(gate)
        other, gate.browser = gate.browser, Jar()
        await sign_in(gate)
        mine = gate.signed_in
        answer = await change(gate)
        assert (answer.status, header(answer, b"Location")) == (303, f"{PREFIX}/account?changed=password")
        page = await gate.get(f"{PREFIX}/account?changed=password")
        assert b"Your password is changed" in page.body
        assert gate.signed_in == mine
        gate.browser = other
        assert (await gate.get(f"{PREFIX}/account")).status == 302
        gate.browser = Jar()
        assert (await sign_in(gate)).status == 401
        assert (await sign_in(gate, NEW)).status == 303


async def test_a_wrong_one_is_told_and_the_form_comes_back(tmp_path: Path) -> None:
    async with place(tmp_path) as gate:
        await sign_in(gate)
        answer = await change(gate, current=WRONG)
        assert answer.status == 401
        assert b"not your present password" in answer.body
        assert WRONG.encode() not in answer.body
        assert NEW.encode() not in answer.body
        assert (await change(gate)).status == 303


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"new": "short", "again": "short"}, b"must have at least 12 characters"),
        ({"again": NEW + "x"}, b"was not typed the same way twice"),
        ({"new": RIGHT, "again": RIGHT}, b"is the one that you have"),
    ],
)
async def test_what_is_not_taken_is_told(tmp_path: Path, fields: dict[str, str], why: bytes) -> None:
    async with place(tmp_path) as gate:
        await sign_in(gate)
        answer = await change(gate, **fields)
        assert answer.status == 400
        assert why in answer.body
        assert gate.passwords is not None
        assert gate.passwords.hashes == 0


async def test_a_program_is_told_by_codes(tmp_path: Path) -> None:
    async with place(tmp_path) as gate:
        await sign_in(gate)
        wrong = await gate.post(HERE, {"current": WRONG, "new": NEW}, FETCH)
        assert (wrong.status, b"CredentialsSignin" in wrong.body) == (401, True)
        short = await gate.post(HERE, {"current": RIGHT, "new": "short"}, FETCH)
        assert (short.status, b"password_refused" in short.body) == (400, True)
        assert (await gate.post(HERE, {"current": RIGHT, "new": NEW}, FETCH)).status == 303


async def test_B20_too_many_wrong_ones_are_429(tmp_path: Path) -> None:
    async with place(tmp_path) as gate:
        await sign_in(gate)
        for _ in range(10):
            assert (await change(gate, current=WRONG)).status == 401
        refused = await change(gate)
        assert refused.status == 429
        assert 0 < int(header(refused, b"Retry-After")) <= 900


async def test_B23_a_look_changes_nothing(tmp_path: Path) -> None:
    async with place(tmp_path) as gate:
        await sign_in(gate)
        assert (await gate.get(f"{HERE}?current={RIGHT}&new={NEW}&again={NEW}")).status == 200
        gate.browser = Jar()
        assert (await sign_in(gate)).status == 303


@pytest.mark.parametrize("token", ["", "x" * 86])
async def test_without_a_valid_token_nothing_is_tried(tmp_path: Path, token: str) -> None:
    async with place(tmp_path) as gate:
        await sign_in(gate)
        assert gate.passwords is not None
        before = len(gate.passwords.comparisons)
        assert (await gate.post(HERE, {"current": RIGHT, "new": NEW}, token=token)).status == 403
        assert len(gate.passwords.comparisons) == before


async def test_nobody_is_led_to_sign_in(tmp_path: Path) -> None:
    async with place(tmp_path) as gate:
        assert (await gate.get(HERE)).status == 302
        assert (await gate.post(HERE, {"current": RIGHT, "new": NEW}, FETCH)).status == 401


async def test_an_old_login_is_made_anew_first(tmp_path: Path) -> None:
    async with place(tmp_path) as gate:
        await sign_in(gate)
        gate.clock.advance(301)
        page = await gate.get(HERE)
        assert (b"Sign in once more" in page.body, b"current-password" in page.body) == (True, False)
        again = header(await change(gate), b"Location")
        assert again == f"{PREFIX}/signin?return_to={HERE}"
        assert b'name="password"' in (await gate.get(again)).body
        form = {"username": ANN, "password": RIGHT, "return_to": HERE}
        back = await gate.post(f"{PREFIX}/callback/local", form)
        assert (back.status, header(back, b"Location")) == (303, HERE)
        assert b"current-password" in (await gate.get(HERE)).body


async def test_who_has_no_password_is_offered_none(tmp_path: Path) -> None:
    async with site(tmp_path, by_password=True) as gate:
        await gate.sign_in("demo")
        assert HERE.encode() not in (await gate.get(f"{PREFIX}/account")).body
        assert (await gate.get(HERE)).status == 404
        assert (await change(gate)).status == 404


async def test_where_nobody_signs_in_by_password_there_is_no_such_page(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        await gate.sign_in("demo")
        assert (await gate.get(HERE)).status == 404

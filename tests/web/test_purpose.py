"""What a sign-in is for: whose, where it ends, and how a password is asked for again."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.model.answer import Answer
from gateway.model.proof import Demand
from tests.fakes.passwords import RIGHT, hash_of
from tests.fakes.site import PREFIX, Site, asked, header, site

DEMANDS = {"/recent": Demand(max_age=300), "/strong": Demand(acr_values=("mfa",))}
ANN = "ann@demo.example"


@asynccontextmanager
async def place(
    directory: Path, *, by_password: bool = False, providers: tuple[str, ...] = ("demo", "corp")
) -> AsyncIterator[Site]:
    async with site(directory, providers=providers, by_password=by_password, demands=DEMANDS) as gate:
        if by_password:
            for email in (ANN, "bob@demo.example"):
                await gate.database.users.add(email, password_hash=await hash_of())
        yield gate


async def type_in(gate: Site, name: str = ANN, **fields: str) -> Answer:
    return await gate.post(f"{PREFIX}/callback/local", {"username": name, "password": RIGHT, **fields})


async def test_B073_the_way_back_to_the_same_provider_is_straight(tmp_path: Path) -> None:
    async with place(tmp_path) as gate:
        await gate.sign_in("corp")
        on = await gate.get(f"{PREFIX}/signin?return_to=/recent/x&route=/recent")
        assert header(on, b"Location").startswith("https://corp.example/authorize")
        corp = gate.issuers["corp"]
        assert corp.demands[-1] == DEMANDS["/recent"]
        assert corp.begun[-1].step_up is not None
        assert corp.begun[-1].step_up.user_id == gate.signed_in


async def test_a_stranger_is_asked_for_what_the_route_demands_and_held_to_nothing(tmp_path: Path) -> None:
    async with place(tmp_path, providers=("demo",)) as gate:
        await gate.get(f"{PREFIX}/signin?return_to=/recent&route=/recent")
        demo = gate.issuers["demo"]
        assert (demo.demands[-1], demo.begun[-1].step_up) == (DEMANDS["/recent"], None)
        assert header(await gate.come_back(), b"Location") == "/recent"
        assert gate.signed_in


async def test_a_stranger_s_page_carries_the_route_to_the_button(tmp_path: Path) -> None:
    async with place(tmp_path) as gate:
        page = await gate.get(f"{PREFIX}/signin?return_to=/recent&route=/recent")
        assert b'name="route" value="/recent"' in page.body
        await gate.post(f"{PREFIX}/signin/corp", {"return_to": "/recent", "route": "/recent"})
        assert gate.issuers["corp"].demands[-1] == DEMANDS["/recent"]


async def test_another_provider_that_is_chosen_is_a_login_like_any_other(tmp_path: Path) -> None:
    async with place(tmp_path) as gate:
        await gate.sign_in("corp")
        await gate.get(f"{PREFIX}/signin/demo?return_to=/recent&route=/recent")
        assert gate.issuers["demo"].begun[-1].step_up is None


@pytest.mark.parametrize("route", ["", "/elsewhere", "x" * 3000, "//evil"])
async def test_O18_a_route_that_demands_nothing_changes_nothing(tmp_path: Path, route: str) -> None:
    async with place(tmp_path, providers=("demo",)) as gate:
        await gate.sign_in()
        on = await gate.get(f"{PREFIX}/signin?return_to=/x&route={route}")
        assert "route" not in asked(header(on, b"Location"))
        assert (gate.issuers["demo"].demands[-1], gate.issuers["demo"].begun[-1].step_up) == (None, None)


async def test_a_route_given_twice_is_refused(tmp_path: Path) -> None:
    async with place(tmp_path) as gate:
        assert (await gate.get(f"{PREFIX}/signin?route=/recent&route=/strong")).status == 400


async def test_a_session_goes_on_as_long_lived_as_it_was(tmp_path: Path) -> None:
    async with place(tmp_path, providers=("demo",)) as gate:
        await gate.get(f"{PREFIX}/signin?return_to=/&remember=false")
        await gate.come_back()
        await gate.get(f"{PREFIX}/signin?return_to=/recent&route=/recent")
        assert not gate.issuers["demo"].begun[-1].persistent


async def test_B073_the_password_is_typed_again_on_a_page_with_nothing_else(tmp_path: Path) -> None:
    async with place(tmp_path, by_password=True) as gate:
        await type_in(gate)
        gate.clock.advance(331)
        page = (await gate.get(f"{PREFIX}/signin?return_to=/recent&route=/recent")).body.decode()
        assert "Confirm that it is you" in page
        assert f'value="{ANN}"' in page
        assert "Continue with" not in page
        assert 'name="remember"' not in page
        before = gate.sessions.load(gate.browser.headers()).session
        on = await type_in(gate, return_to="/recent", route="/recent")
        after = gate.sessions.load(gate.browser.headers()).session
        assert header(on, b"Location") == "/recent"
        assert before is not None
        assert after is not None
        assert (after.identity.user_id, after.id != before.id) == (before.identity.user_id, True)
        assert after.proved_at == int(gate.clock())


async def test_B018_another_user_s_password_is_refused_at_a_step_up(tmp_path: Path) -> None:
    async with place(tmp_path, by_password=True) as gate:
        await type_in(gate)
        user = gate.signed_in
        gate.clock.advance(331)
        answer = await type_in(gate, "bob@demo.example", return_to="/recent", route="/recent")
        assert (answer.status, b"somebody else" in answer.body) == (403, True)
        assert gate.signed_in == user


async def test_a_wrong_password_keeps_the_purpose(tmp_path: Path) -> None:
    async with place(tmp_path, by_password=True) as gate:
        await type_in(gate)
        gate.clock.advance(331)
        again = await type_in(gate, password="wrong horse", return_to="/recent", route="/recent")
        assert again.status == 401
        assert b'name="route" value="/recent"' in again.body
        assert b"Confirm that it is you" in again.body


async def test_B073_a_password_is_not_asked_for_in_vain(tmp_path: Path) -> None:
    async with place(tmp_path, by_password=True) as gate:
        await type_in(gate)
        answer = await gate.get(f"{PREFIX}/signin?return_to=/strong&route=/strong")
        assert (answer.status, b"stronger sign-in" in answer.body) == (403, True)
        assert gate.signed_in


async def test_O19_the_page_says_why_and_the_audit_trail_too(tmp_path: Path) -> None:
    async with place(tmp_path, providers=("demo",)) as gate:
        await gate.sign_in()
        user = gate.signed_in
        demo = gate.issuers["demo"]
        await gate.get(f"{PREFIX}/signin?return_to=/recent&route=/recent")
        first = await gate.come_back()
        assert first.status == 303
        assert demo.begun[-1].step_up is not None
        assert demo.begun[-1].step_up.insisted
        assert len(gate.transactions) == 1
        answer = await gate.come_back()
        assert (answer.status, b"not recent enough" in answer.body) == (403, True)
        assert gate.signed_in == user
        assert gate.transactions == []
        told = [event for event in gate.events if event.name == "auth.login.refused"]
        assert [event.reason for event in told] == ["ProofTooOld"]


async def test_B040_a_step_up_that_succeeds_is_told_as_one(tmp_path: Path) -> None:
    async with place(tmp_path, providers=("demo",)) as gate:
        await gate.sign_in()
        demo = gate.issuers["demo"]
        demo.login = replace(demo.login, authenticated_at=int(gate.clock()))
        await gate.get(f"{PREFIX}/signin?return_to=/recent&route=/recent")
        assert header(await gate.come_back(), b"Location") == "/recent"
        success = [event for event in gate.events if event.name == "auth.login.success"]
        assert success[-1].detail == "step_up"

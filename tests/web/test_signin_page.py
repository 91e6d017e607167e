"""The sign-in page: what it offers to whom, and under which policy."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from html import unescape
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from gateway.model.proof import Demand
from tests.fakes.passwords import RIGHT, hash_of
from tests.fakes.site import PREFIX, Site, header, site

ANN = "ann@demo.example"
OLD = 331


@asynccontextmanager
async def typed_in(directory: Path) -> AsyncIterator[Site]:
    """Ann is signed in by password, beside an issuer that one could sign in at."""
    demands = {"/recent": Demand(max_age=300)}
    async with site(directory, by_password=True, demands=demands) as gate:
        await gate.database.users.add(ANN, name="Ann", password_hash=await hash_of())
        await gate.post(f"{PREFIX}/callback/local", {"username": ANN, "password": RIGHT})
        yield gate


async def test_a_stranger_is_offered_the_form_and_every_issuer(tmp_path: Path) -> None:
    async with site(tmp_path, providers=("demo", "corp"), by_password=True) as gate:
        page = (await gate.get(f"{PREFIX}/signin")).body.decode()
        assert 'type="password"' in page
        assert page.count('class="button lasting"') == 2
        assert "signed in as" not in page


@pytest.mark.parametrize("by_password", [True, False])
async def test_B043_one_box_says_for_every_way_in_that_the_session_ends_with_the_browser(
    tmp_path: Path, by_password: bool
) -> None:
    async with site(tmp_path, providers=("demo", "corp"), by_password=by_password) as gate:
        page = (await gate.get(f"{PREFIX}/signin")).body.decode()
        assert page.count('type="checkbox"') == page.count("Sign me out when the browser closes") == 1
        assert " checked" not in page
        ticked = (await gate.get(f"{PREFIX}/signin?remember=false")).body.decode()
        assert ticked.count(" checked") == 1
        lasting, passing = (
            re.findall(rf'"button {kind}" type="submit"{more} formaction="([^"]+)"', page)
            for kind, more in (("lasting", ""), ("passing", ' name="remember" value="false"'))
        )
        assert passing == lasting
        assert len(passing) == (2 if by_password else 0)


async def test_whoever_is_signed_in_is_told_as_whom(tmp_path: Path) -> None:
    async with typed_in(tmp_path) as gate:
        page = (await gate.get(f"{PREFIX}/signin")).body.decode()
        assert "You are signed in as Ann" in page
        assert "Continue with Demo" in page
        assert ANN not in page


async def test_what_the_address_hints_at_goes_along_with_the_button_that_is_pressed(tmp_path: Path) -> None:
    async with site(tmp_path, providers=("demo", "corp"), by_password=True) as gate:
        asked = "login_hint=ann%22%3E%40demo.example&ui_locales=de+en&scope=all&acr_values=weak&state=s"
        page = (await gate.get(f"{PREFIX}/signin?return_to=/x&{asked}")).body.decode()
        pressed = re.search(r'formaction="([^"]+/corp[^"]*)"', page)
        assert pressed is not None
        assert not {"scope", "acr_values", "state"} & parse_qs(urlsplit(unescape(pressed[1])).query).keys()
        await gate.post(unescape(pressed[1]), {"return_to": "/x"})
        assert gate.issuers["corp"].hints == [{"login_hint": 'ann">@demo.example', "ui_locales": "de en"}]
        assert (await gate.get(f"{PREFIX}/signin?prompt=none&prompt=login")).status == 400


@pytest.mark.parametrize(("later", "alone"), [(0, False), (OLD, True)])
async def test_B073_only_whoever_has_to_prove_it_sees_the_form_alone(
    tmp_path: Path, later: int, alone: bool
) -> None:
    async with typed_in(tmp_path) as gate:
        gate.clock.advance(later)
        answer = await gate.get(f"{PREFIX}/signin?return_to=/recent&route=/recent")
        assert (b"Continue with" not in answer.body) is alone
        assert (b"Confirm that it is you" in answer.body) is alone
        assert ("https:" not in header(answer, b"Content-Security-Policy")) is alone


async def test_where_the_way_back_is_another_host_the_policy_lets_the_form_lead_there(tmp_path: Path) -> None:
    async with typed_in(tmp_path) as gate:
        gate.clock.advance(OLD)
        there = "https%3A//wiki.example.com/recent"
        answer = await gate.get(f"{PREFIX}/signin?return_to={there}&route=/recent")
        assert "https:" in header(answer, b"Content-Security-Policy")

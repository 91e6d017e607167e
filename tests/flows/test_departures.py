"""Logout at the issuer: what goes along, and who may come back with it."""

from pathlib import Path

import pytest

from gateway.errors import IssuerUnavailable
from gateway.flows import departures
from gateway.flows.departures import LIFE, Onward
from gateway.model.session import Session
from tests.fakes.site import PREFIX, URL, Site, asked, site


async def left(gate: Site, *, return_to: str | None = "/bye") -> tuple[Session, Onward | None]:
    await gate.sign_in()
    gate.issuers["demo"].ends_sessions = True
    session = gate.sessions.load(gate.browser.headers()).session
    if session is None:
        raise LookupError("no session")
    onward = await gate.departures.leave(session, hint="a.b.c", return_to=return_to)
    if onward is not None:
        gate.browser.take(onward.cookies)
    return session, onward


async def test_B115_the_landing_is_ours_and_the_state_comes_back_once(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        _, onward = await left(gate)
        assert onward is not None
        (departed,) = gate.issuers["demo"].departed
        assert (departed.return_uri, departed.hint) == (f"{URL}{PREFIX}/signout", "a.b.c")
        state = asked(onward.location)["state"]
        arrived = gate.departures.arrive(state, gate.browser.headers())
        assert arrived is not None
        assert arrived.location == "/bye"
        gate.browser.take(arrived.cookies)
        assert gate.departures.arrive(state, gate.browser.headers()) is None


async def test_R12_another_state_another_browser_and_an_old_one_lead_nowhere(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        _, onward = await left(gate)
        assert onward is not None
        state = asked(onward.location)["state"]
        headers = gate.browser.headers()
        assert gate.departures.arrive("s" * 43, headers) is None
        assert gate.departures.arrive(state, ()) is None
        planted = ((b"Cookie", f"{gate.names.logout}=garbage".encode()),)
        assert gate.departures.arrive(state, planted) is None
        gate.clock.advance(LIFE + 1)
        assert gate.departures.arrive(state, headers) is None


async def test_without_a_way_on_no_cookie_is_left(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        _, onward = await left(gate, return_to=None)
        assert onward is not None
        assert onward.cookies == ()


async def test_S19_an_issuer_that_is_down_or_silent_holds_nobody_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with site(tmp_path) as gate:
        session, _ = await left(gate)
        gate.issuers["demo"].down = IssuerUnavailable("down")
        assert await gate.departures.leave(session, hint=None, return_to="/") is None
        assert (gate.events[-1].name, gate.events[-1].outcome) == ("logout.federated", "failure")
        monkeypatch.setattr(departures, "PATIENCE", 0.0)
        gate.issuers["demo"].down = TimeoutError()  # type: ignore[assignment]
        assert await gate.departures.leave(session, hint=None, return_to="/") is None


async def test_only_an_issuer_that_ends_sessions_is_offered(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        session, _ = await left(gate)
        assert gate.departures.offered(session) == "Demo"
        gate.issuers["demo"].ends_sessions = False
        assert gate.departures.offered(session) == ""
        assert await gate.departures.leave(session, hint=None, return_to="/") is None

"""Logout: the session ends, the cookies go, and an outage keeps nobody signed in."""

from pathlib import Path

import pytest

from gateway.errors import StoreUnavailable
from gateway.flows.logout import Logout
from gateway.flows.recent import RecentLogins
from gateway.model.session import Session
from tests.fakes.site import Site, site


def logout(gate: Site) -> Logout:
    recent = RecentLogins(sealer=gate.ring.sealer("recent"), names=gate.names, clock=gate.clock)
    return Logout(strategy=gate.sessions, recent=recent, hints=gate.book, audit=gate.events.append)


async def test_B105_every_cookie_of_the_session_is_cleared_and_a_copy_is_refused(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        await gate.sign_in()
        copy = dict(gate.browser.cookies)
        left = await logout(gate).leave(gate.inbound("/"))
        gate.browser.take(left.cookies)
        assert left.complete
        assert gate.names.session not in gate.browser.names
        gate.browser.cookies = copy
        assert gate.signed_in == ""
        assert [event.name for event in gate.events].count("logout") == 1


async def test_without_a_session_nothing_is_told_and_leftovers_are_cleared(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        gate.browser.plant(gate.names.session, "garbage")
        left = await logout(gate).leave(gate.inbound("/"))
        gate.browser.take(left.cookies)
        assert gate.browser.names == []
        assert gate.events == [] or all(event.name != "logout" for event in gate.events)


async def test_B107_an_end_that_must_be_recorded_and_is_not_still_clears_the_cookie(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with site(tmp_path) as gate:
        await gate.sign_in()

        async def down(_session: Session) -> None:
            raise StoreUnavailable("locked")

        monkeypatch.setattr(gate.sessions, "end", down)
        left = await logout(gate).leave(gate.inbound("/"))
        gate.browser.take(left.cookies)
        assert not left.complete
        assert gate.names.session not in gate.browser.names
        assert gate.events[-1].outcome == "failure"

"""Logout: the session ends, the cookies go, and an outage keeps nobody signed in."""

from pathlib import Path

import pytest

from gateway.errors import LoginRequired, SessionRejected, StoreUnavailable
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


def watched(gate: Site, monkeypatch: pytest.MonkeyPatch, **faults: Exception) -> list[str]:
    """Note what is asked of the strategy; verbs in *faults* raise."""
    asked: list[str] = []
    for verb in ("confirm", "end", "end_all", "end_others"):

        async def called(session: Session, verb: str = verb) -> Session:
            asked.append(verb)
            if verb in faults:
                raise faults[verb]
            return session

        monkeypatch.setattr(gate.sessions, verb, called)
    return asked


@pytest.mark.parametrize(
    ("faults", "asked", "complete"),
    [
        ({}, ["confirm", "end_all"], True),
        ({"confirm": SessionRejected("epoch")}, ["confirm", "end"], True),
        ({"confirm": StoreUnavailable("locked")}, ["confirm", "end"], False),
        ({"end_all": StoreUnavailable("locked")}, ["confirm", "end_all", "end"], False),
    ],
)
async def test_B112_only_a_session_that_holds_ends_all_others_and_it_ends_itself_whatever_happens(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    faults: dict[str, Exception],
    asked: list[str],
    complete: bool,
) -> None:
    async with site(tmp_path) as gate:
        await gate.sign_in()
        seen = watched(gate, monkeypatch, **faults)
        left = await logout(gate).leave(gate.inbound("/"), everywhere=True)
        assert (seen, left.complete) == (asked, complete)


async def test_B112_a_stale_copy_ends_no_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with site(tmp_path) as gate:
        await gate.sign_in()
        seen = watched(gate, monkeypatch, confirm=SessionRejected("epoch"))
        with pytest.raises(LoginRequired):
            await logout(gate).leave_others(gate.inbound("/"))
        assert seen == ["confirm"]


@pytest.mark.parametrize("federated", [True, False])
async def test_B115_the_issuers_token_is_looked_for_where_the_logout_goes_on_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, federated: bool
) -> None:
    async with site(tmp_path) as gate:
        await gate.sign_in()

        async def hint(_session: Session) -> str:
            return "a token"

        monkeypatch.setattr(gate.book, "hint", hint)
        left = await logout(gate).leave(gate.inbound("/"), federated=federated)
        assert left.hint == ("a token" if federated else None)


@pytest.mark.parametrize("down", [True, False])
async def test_B144_what_was_ended_and_what_could_not_be_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, down: bool
) -> None:
    async with site(tmp_path) as gate:
        await gate.sign_in()
        watched(gate, monkeypatch, **({"end_others": StoreUnavailable("locked")} if down else {}))
        if down:
            with pytest.raises(StoreUnavailable):
                await logout(gate).leave_others(gate.inbound("/"))
        else:
            await logout(gate).leave_others(gate.inbound("/"))
        told = [event.detail for event in gate.events if event.name == "logout"]
        assert told == ([] if down else ["others"])

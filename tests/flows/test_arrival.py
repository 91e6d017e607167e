"""Arrival: a new session whatever was presented, and the old one ends only once the new one stands."""

import asyncio
from pathlib import Path

import pytest

from gateway.errors import UserRefused
from gateway.flows.arrival import Arrival, Arrivals
from gateway.flows.recent import RecentLogins
from gateway.flows.resume import Resume
from gateway.model.identity import User, VerifiedLogin
from gateway.model.session import Session
from tests.fakes.site import Site, site

LOGIN = VerifiedLogin(provider="local", issuer="https://gw.example.com", subject="s")


async def arrived(gate: Site, user: User, *, refuse: bool = False) -> tuple[Arrival, Session | None]:
    seen: list[Session | None] = []

    async def settle(live: Session | None) -> User:
        seen.append(live)
        if refuse:
            raise UserRefused("no")
        return user

    arrivals = Arrivals(
        recent=RecentLogins(sealer=gate.ring.sealer("recent"), names=gate.names, clock=gate.clock),
        strategy=gate.sessions,
        live=Resume(gate.sessions),
        book=gate.book,
    )
    arrival = await arrivals.arrive(LOGIN, settle, inbound=gate.inbound("/"), persistent=True)
    gate.browser.take(arrival.cookies)
    return arrival, seen[0]


async def a_user(gate: Site) -> User:
    user = await gate.database.users.add("ann@example.com")
    if user is None:
        raise LookupError("not added")
    return user


async def test_the_session_is_left_in_the_browser_and_the_old_one_is_shown_and_ended(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        user = await a_user(gate)
        first, before = await arrived(gate, user)
        assert before is None
        kept = gate.browser.headers()
        second, seen = await arrived(gate, user)
        assert seen is not None
        assert seen.id == first.session.id != second.session.id
        assert gate.sessions.load(kept).rejected == "revoked"
        assert gate.signed_in == user.id


async def test_S01_a_session_that_does_not_hold_is_not_shown(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        user = await a_user(gate)
        await arrived(gate, user)
        await gate.database.users.set_enabled(user.id, enabled=False)
        _, seen = await arrived(gate, user)
        assert seen is None


async def test_a_refusal_ends_nothing(tmp_path: Path) -> None:
    async with site(tmp_path) as gate:
        user = await a_user(gate)
        first, _ = await arrived(gate, user)
        with pytest.raises(UserRefused):
            await arrived(gate, user, refuse=True)
        held = gate.sessions.load(gate.browser.headers()).session
        assert held is not None
        assert held.id == first.session.id


async def test_a_login_whose_browser_hangs_up_is_recorded_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with site(tmp_path) as gate:
        user = await a_user(gate)
        await arrived(gate, user)
        held, recorded, begin = gate.browser.headers(), asyncio.Event(), gate.book.begin
        let_go: list[object] = []

        async def slow(*args: object, **more: object) -> object:
            recorded.set()
            await asyncio.sleep(0)
            await begin(*args, **more)  # type: ignore[arg-type]
            return ["a session that was one too many"]

        async def forgotten(keys: object) -> None:
            let_go.append(keys)

        monkeypatch.setattr(gate.book, "begin", slow)
        monkeypatch.setattr(gate.sessions, "let_go", forgotten)
        login = asyncio.create_task(arrived(gate, user))
        async with asyncio.timeout(20):
            await recorded.wait()
        login.cancel()
        with pytest.raises(asyncio.CancelledError):
            await login
        assert let_go == [["a session that was one too many"]]
        assert gate.sessions.load(held).rejected == "revoked"

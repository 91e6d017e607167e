"""What administrators change is changed for good, told with its outcome, and always leaves one of them."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from gateway.errors import AccessDenied, NoSuchPage, OwnAccessKept, StoreUnavailable
from gateway.flows.administration import Administration
from gateway.model.event import AuditEvent
from gateway.model.identity import User
from gateway.model.session import Session
from gateway.sessions.strategy import public_id
from gateway.store.database import Database
from tests.fakes.clock import FakeClock
from tests.fakes.console import Tallies
from tests.fakes.databases import locked, opened
from tests.fakes.logins import session_of


@dataclass(kw_only=True)
class Office:
    """Ann, who is an administrator and signed in, and Bob, whom she looks after."""

    database: Database
    administration: Administration
    ann: Session
    bob: User
    clock: FakeClock
    events: list[AuditEvent] = field(default_factory=list)
    tallies: Tallies = field(default_factory=Tallies)
    changes: list[None] = field(default_factory=list)

    async def bob_now(self) -> User | None:
        return await self.database.users.find(self.bob.id)

    @property
    def told(self) -> list[tuple[str, str, str]]:
        return [(event.name, event.outcome, event.reason) for event in self.events]


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    clock = FakeClock()
    async with opened(tmp_path, clock) as database:
        events: list[AuditEvent] = []
        tallies, changes = Tallies(), list[None]()
        administration = Administration(
            database.users,
            endings=database.endings,
            sign_ins=database.sign_ins,
            changed=lambda: changes.append(None),
            counts=tallies,
            audit=events.append,
        )
        ann = await database.users.add("ann@example.com", roles=["admin"])
        bob = await database.users.add("bob@example.com")
        assert ann is not None
        assert bob is not None
        yield Office(
            database=database,
            administration=administration,
            ann=session_of(ann, authenticated_at=int(clock()), session_id="ann-here"),
            bob=bob,
            clock=clock,
            events=events,
            tallies=tallies,
            changes=changes,
        )


async def test_a_user_is_disabled_enabled_given_a_role_and_loses_it(office: Office) -> None:
    act = office.administration
    await act.disable(office.ann, office.bob.id)
    assert (await office.bob_now()) == replace(office.bob, enabled=False, epoch=1)
    await act.enable(office.ann, office.bob.id)
    await act.grant(office.ann, office.bob.id, "editor")
    assert (await office.bob_now()) == replace(office.bob, epoch=1, roles=("editor",))
    await act.revoke(office.ann, office.bob.id, "editor")
    assert (await office.bob_now()) == replace(office.bob, epoch=1)
    whom = {"actor": office.ann.identity.user_id, "user_id": office.bob.id}
    assert office.events == [
        AuditEvent(name="admin.users.disable", **whom),
        AuditEvent(name="admin.users.enable", **whom),
        AuditEvent(name="admin.users.roles", detail="granted editor", **whom),
        AuditEvent(name="admin.users.roles", detail="revoked editor", **whom),
    ]
    assert office.tallies.seen[0] == ("users.disable", "success")
    assert len(office.changes) == 4


async def test_S20_one_session_ends_or_all_of_a_user(office: Office) -> None:
    database, act = office.database, office.administration
    ours = [
        session_of(office.bob, authenticated_at=int(office.clock()), session_id=f"b{n}") for n in range(3)
    ]
    for session in ours:
        await database.sign_ins.record(session, address="192.0.2.1", browser="Probe/1")
    await act.end_session(office.ann, public_id("b0"))
    assert [each.public_id for each in await database.sign_ins.listed()] != []
    standing = await database.standing(ours[0])
    assert standing is not None
    assert standing.denied
    await act.end_sessions_of(office.ann, office.bob.id)
    assert await database.sign_ins.listed() == ()
    assert [(event.name, event.session_id, event.provider) for event in office.events] == [
        ("admin.sessions.end", public_id("b0"), "corp"),
        ("admin.sessions.end", "", ""),
    ]
    assert {event.user_id for event in office.events} == {office.bob.id}


async def test_C12_nobody_shuts_themselves_out(office: Office) -> None:
    mine = office.ann.identity.user_id
    with pytest.raises(OwnAccessKept):
        await office.administration.disable(office.ann, mine)
    with pytest.raises(OwnAccessKept):
        await office.administration.revoke(office.ann, mine, "admin")
    await office.administration.grant(office.ann, mine, "editor")
    await office.administration.revoke(office.ann, mine, "editor")
    ann = await office.database.users.find(mine)
    assert ann is not None
    assert (ann.enabled, ann.roles) == (True, ("admin",))
    assert office.told[:2] == [
        ("admin.users.disable", "refused", "own_access_kept"),
        ("admin.users.roles", "refused", "own_access_kept"),
    ]


async def test_C12_two_who_shut_out_each_other_leave_one(office: Office) -> None:
    await office.database.users.change_roles(office.bob.id, grant=["admin"])
    bob = session_of(office.bob, authenticated_at=int(office.clock()), session_id="bob-here")
    act = office.administration
    ended = await asyncio.gather(
        act.disable(office.ann, office.bob.id),
        act.revoke(bob, office.ann.identity.user_id, "admin"),
        return_exceptions=True,
    )
    assert sorted(map(type, ended), key=str) == sorted([type(None), AccessDenied], key=str)
    left = [user for user in await office.database.users.everyone() if user.enabled and user.roles]
    assert len(left) == 1


@pytest.mark.parametrize("how", ["role", "disabled", "epoch", "gone"])
async def test_C12_who_is_no_administrator_any_more_changes_nothing(office: Office, how: str) -> None:
    mine, users = office.ann.identity.user_id, office.database.users
    if how == "role":
        await users.change_roles(mine, revoke=["admin"])
    elif how == "disabled":
        await users.set_enabled(mine, enabled=False)
    elif how == "epoch":
        await office.database.end_sessions_of(mine)
    else:
        await users.delete(mine)
    act = office.administration
    for work in (
        act.disable(office.ann, office.bob.id),
        act.enable(office.ann, office.bob.id),
        act.grant(office.ann, office.bob.id, "admin"),
        act.revoke(office.ann, office.bob.id, "admin"),
    ):
        with pytest.raises(AccessDenied):
            await work
    assert await office.bob_now() == office.bob
    assert {told[1:] for told in office.told} == {("refused", "access_denied")}


async def test_nobody_and_nothing_of_that_name_is_told_as_such(office: Office) -> None:
    act = office.administration
    for work in (
        act.disable(office.ann, "u_nobody"),
        act.grant(office.ann, "u_nobody", "x"),
        act.end_sessions_of(office.ann, "u_nobody"),
        act.end_session(office.ann, "0" * 16),
        act.end_session(office.ann, ""),
        act.end_session(office.ann, "%"),
    ):
        with pytest.raises(NoSuchPage):
            await work


async def test_an_outage_is_told_as_a_failure_and_changes_nothing(tmp_path: Path, office: Office) -> None:
    with locked(tmp_path), pytest.raises(StoreUnavailable):
        await office.administration.disable(office.ann, office.bob.id)
    assert await office.bob_now() == office.bob
    assert office.told == [("admin.users.disable", "failure", "store_unavailable")]
    assert office.tallies.seen == [("users.disable", "failure")]


async def test_what_was_begun_is_done_and_told_though_the_browser_hangs_up(office: Office) -> None:
    task = asyncio.create_task(office.administration.disable(office.ann, office.bob.id))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    bob = await office.bob_now()
    assert bob is not None
    assert not bob.enabled
    assert office.told == [("admin.users.disable", "success", "")]

"""BEHAVIOUR A: users and accounts, the linking table on a real database."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import AccountNotLinked, FreshLoginRequired, LoginFailed, StoreUnavailable, UserRefused
from gateway.flows.link import FRESH, Linking, Settled
from gateway.model.event import AuditEvent
from gateway.model.identity import User, VerifiedLogin
from gateway.model.login import LinkIntent
from gateway.model.session import Session
from gateway.store.database import Database
from tests.fakes.clock import FakeClock
from tests.fakes.databases import made_in, opened, raw
from tests.fakes.logins import ANN, BOB, at_other_provider, session_of

TRUSTED = frozenset({"trusted"})


def trusted(login: VerifiedLogin, **changes: Any) -> VerifiedLogin:
    return at_other_provider(login, provider="trusted", **changes)


class World:
    """One node: a database, the linking flow over it, and what it told the audit trail."""

    def __init__(self, database: Database, clock: FakeClock, directory: Path) -> None:
        self.database = database
        self.clock = clock
        self.directory = directory
        self.told: list[AuditEvent] = []
        self.linking = Linking(database.users, trust_email=TRUSTED, audit=self.told.append, clock=clock)

    async def settle(
        self, login: VerifiedLogin, *, live: Session | None = None, intent: LinkIntent | None = None
    ) -> Settled:
        return await self.linking.settle(login, live=live, intent=intent)

    def session(self, user: User, *, age: int = 0) -> Session:
        return session_of(user, authenticated_at=int(self.clock()) - age, epoch=user.epoch)

    def content(self) -> list[Any]:
        connection = raw(self.directory)
        found = [
            connection.execute(f"SELECT * FROM {table} ORDER BY 1, 2, 3").fetchall()
            for table in ("users", "accounts", "user_roles")
        ]
        connection.close()
        return found


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    clock = FakeClock()
    async with opened(tmp_path, clock) as database:
        yield World(database, clock, tmp_path)


def intent_of(session: Session) -> LinkIntent:
    return LinkIntent(user_id=session.identity.user_id, session_id=session.id)


async def refused(
    world: World,
    error: type[LoginFailed],
    login: VerifiedLogin,
    *,
    live: Session | None = None,
    intent: LinkIntent | None = None,
) -> None:
    """Hold that *login* ends in *error*, with nothing written and nothing told as done."""
    before, told = world.content(), list(world.told)
    with pytest.raises(LoginFailed) as raised:
        await world.settle(login, live=live, intent=intent)
    assert type(raised.value) is error
    assert world.content() == before
    assert world.told == told


async def test_A11_a_new_identity_makes_one_user_and_one_account(world: World) -> None:
    settled = await world.settle(ANN)
    assert settled.created
    assert not settled.linked
    assert settled.user.id not in (ANN.subject, ANN.email)
    assert await world.database.users.everyone() == (settled.user,)
    assert len(await world.database.users.accounts_of(settled.user.id)) == 1
    assert [event.name for event in world.told] == ["user.created"]
    assert world.told[0].user_id == settled.user.id


async def test_A11_a_login_without_an_e_mail_makes_a_user_too(world: World) -> None:
    first = await world.settle(replace(ANN, email=None, email_verified=False))
    second = await world.settle(replace(BOB, email=None, email_verified=False))
    assert first.user.id != second.user.id


async def test_A12_the_same_identity_is_the_same_user_with_its_account_updated(world: World) -> None:
    first = await world.settle(ANN)
    world.clock.advance(86_400)
    again = await world.settle(replace(ANN, scope="openid", email="ann@new.example", name="Ann Lee"))
    assert again == Settled(user=replace(first.user, email="ann@new.example", name="Ann Lee"))
    (account,) = await world.database.users.accounts_of(first.user.id)
    assert account.last_login_at == int(world.clock())
    assert account.email == "ann@new.example"
    assert len(await world.database.users.everyone()) == 1


async def test_A13_two_first_logins_on_two_nodes_are_one_user(world: World) -> None:
    async with opened(world.directory, world.clock) as other:
        nodes = [world.linking, Linking(other.users, trust_email=TRUSTED, audit=print, clock=world.clock)]
        settled = await asyncio.gather(*(node.settle(ANN, live=None, intent=None) for node in nodes))
    assert len({each.user.id for each in settled}) == 1
    assert sorted(each.created for each in settled) == [False, True]
    assert len(await world.database.users.everyone()) == 1
    assert len(await world.database.users.accounts_of(settled[0].user.id)) == 1


FIRST_LOGINS = """
import asyncio, sys
from gateway.flows.link import Linking
from gateway.store.database import Database
from tests.fakes.logins import ANN
from dataclasses import replace

async def main():
    database = await Database.open(sys.argv[1], clock=lambda: 1_800_000_000.0)
    linking = Linking(database.users, trust_email=frozenset(), audit=lambda event: None, clock=lambda: 0.0)
    print("ready", flush=True)
    sys.stdin.readline()
    for number in range(10):
        login = replace(ANN, subject=f"s-{number}", email=f"s-{number}@example.com")
        print((await linking.settle(login, live=None, intent=None)).user.id)
    await database.close()

asyncio.run(main())
"""


async def test_A13_first_logins_race_between_processes(tmp_path: Path) -> None:
    command = [sys.executable, "-c", FIRST_LOGINS, made_in(tmp_path)]
    root = Path(__file__).parents[2]
    nodes = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=root)
        for _ in range(2)
    ]
    for node in nodes:
        assert node.stdout is not None
        assert node.stdout.readline() == "ready\n"
    for node in nodes:
        assert node.stdin is not None
        node.stdin.write("go\n")
        node.stdin.flush()
    one, other = (node.communicate(timeout=30)[0].split() for node in nodes)
    assert one == other
    assert len(set(one)) == 10


async def test_A14_an_e_mail_in_use_is_refused_without_trust(world: World) -> None:
    await world.settle(ANN)
    await refused(world, AccountNotLinked, at_other_provider(ANN))
    await refused(world, AccountNotLinked, at_other_provider(ANN, email="ANN@Example.Com"))


async def test_A14_a_user_added_by_an_administrator_is_refused_without_trust(world: World) -> None:
    await world.database.users.add("ann@example.com")
    await refused(world, AccountNotLinked, ANN)


async def test_A15_a_trusted_provider_links_where_both_sides_are_verified(world: World) -> None:
    first = await world.settle(ANN)
    settled = await world.settle(trusted(ANN))
    assert settled == Settled(user=first.user, linked=True)
    assert len(await world.database.users.accounts_of(first.user.id)) == 2
    assert [(event.name, event.reason) for event in world.told] == [
        ("user.created", ""),
        ("account.linked", "email"),
    ]


async def test_A15_a_trusted_provider_takes_over_a_user_an_administrator_added(world: World) -> None:
    added = await world.database.users.add("ann@example.com", roles=["admin"])
    assert added is not None
    settled = await world.settle(trusted(ANN))
    assert settled.linked
    assert settled.user == replace(added, name="Ann")


async def test_A15_an_unverified_e_mail_links_nothing(world: World) -> None:
    await world.settle(ANN)
    await refused(world, AccountNotLinked, trusted(ANN, email_verified=False))


async def test_A15_a_user_whose_own_e_mail_is_unverified_is_not_linked(world: World) -> None:
    await world.settle(replace(ANN, email_verified=False))
    await refused(world, AccountNotLinked, trusted(ANN))


async def test_O35_an_e_mail_that_only_looks_alike_links_nothing(world: World) -> None:
    await world.settle(ANN)
    settled = await world.settle(trusted(ANN, email="ann@example.com@evil.example"))
    assert settled.created
    assert settled.user.email is None


async def test_a_disabled_user_is_refused_whatever_way_they_come(world: World) -> None:
    ann = (await world.settle(ANN)).user
    bob = (await world.settle(BOB)).user
    live = world.session(bob)
    await world.database.users.set_enabled(ann.id, enabled=False)
    await refused(world, UserRefused, ANN)
    await refused(world, UserRefused, ANN, live=live)
    await refused(world, UserRefused, ANN, live=live, intent=intent_of(live))
    await refused(world, UserRefused, trusted(ANN))


@pytest.mark.parametrize("age", [0, FRESH])
async def test_A16_intent_within_five_minutes_links(world: World, age: int) -> None:
    ann = (await world.settle(ANN)).user
    live = world.session(ann, age=age)
    other = at_other_provider(BOB)
    settled = await world.settle(other, live=live, intent=intent_of(live))
    assert settled == Settled(user=ann, linked=True)
    assert (world.told[-1].name, world.told[-1].reason) == ("account.linked", "intent")
    assert (await world.settle(other)).user == ann, "from now on it signs her in"


async def test_A16_an_older_login_is_asked_to_be_made_anew(world: World) -> None:
    ann = (await world.settle(ANN)).user
    live = world.session(ann, age=FRESH + 1)
    for login in (at_other_provider(BOB), ANN):
        await refused(world, FreshLoginRequired, login, live=live, intent=intent_of(live))


async def test_A16_a_login_that_an_issuer_only_remembered_is_as_old_as_its_proof(world: World) -> None:
    ann = (await world.settle(ANN)).user
    live = replace(world.session(ann), proved_at=int(world.clock()) - FRESH - 1)
    await refused(world, FreshLoginRequired, at_other_provider(BOB), live=live, intent=intent_of(live))


async def test_A16_without_intent_nothing_is_linked_to_the_session(world: World) -> None:
    ann = (await world.settle(ANN)).user
    settled = await world.settle(at_other_provider(BOB), live=world.session(ann))
    assert settled.created
    assert settled.user.id != ann.id
    await refused(world, AccountNotLinked, at_other_provider(ANN), live=world.session(ann))


async def test_A16_an_account_of_another_user_is_refused_for_linking(world: World) -> None:
    ann = (await world.settle(ANN)).user
    await world.settle(BOB)
    live = world.session(ann)
    await refused(world, AccountNotLinked, BOB, live=live, intent=intent_of(live))


async def test_A16_linking_one_s_own_account_again_is_a_login(world: World) -> None:
    ann = (await world.settle(ANN)).user
    live = world.session(ann)
    assert await world.settle(ANN, live=live, intent=intent_of(live)) == Settled(user=ann)


@pytest.mark.parametrize(
    "case", ["gone", "another session", "another user", "disabled", "disabled by hand", "deleted", "epoch"]
)
async def test_A17_intent_of_a_session_that_is_not_live_links_nothing(world: World, case: str) -> None:
    ann = (await world.settle(ANN)).user
    session = world.session(ann)
    intent = intent_of(session)
    live: Session | None = session
    if case == "gone":
        live = None
    elif case == "another session":
        live = replace(session, id="sid-2")
    elif case == "another user":
        live = replace(session, identity=replace(session.identity, user_id="u_else"))
    elif case == "deleted":
        await world.database.users.delete(ann.id)
    elif case == "disabled":
        await world.database.users.set_enabled(ann.id, enabled=False)
    else:
        change = "epoch = epoch + 1" if case == "epoch" else "enabled = FALSE"
        connection = raw(world.directory)
        connection.execute(f"UPDATE users SET {change}")
        connection.close()
    settled = await world.settle(at_other_provider(BOB), live=live, intent=intent)
    assert settled.created
    assert settled.user.id != ann.id


async def test_A18_another_user_s_account_switches_without_linking(world: World) -> None:
    ann = (await world.settle(ANN)).user
    bob = (await world.settle(BOB)).user
    before = await world.database.users.accounts_of(ann.id)
    assert await world.settle(BOB, live=world.session(ann)) == Settled(user=bob)
    assert await world.database.users.accounts_of(ann.id) == before


async def test_a_live_session_of_the_same_user_changes_nothing_but_the_account(world: World) -> None:
    ann = (await world.settle(ANN)).user
    assert await world.settle(ANN, live=world.session(ann)) == Settled(user=ann)


async def test_C50_an_outage_is_no_refusal(world: World) -> None:
    other = raw(world.directory)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StoreUnavailable):
        await world.settle(ANN)
    other.execute("ROLLBACK")
    other.close()
    assert (await world.settle(ANN)).created

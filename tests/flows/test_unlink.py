"""A way to sign in is given up: never the last, never the one that is in use."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.errors import AccountKept
from gateway.flows.unlink import Unlinking, handle_of, key_of
from gateway.model.identity import Account, User
from gateway.store.database import Database
from tests.fakes.databases import opened
from tests.fakes.logins import ANN, BOB, at_other_provider


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    async with opened(tmp_path) as database:
        yield database


async def person(database: Database, *more: str) -> tuple[User, tuple[Account, ...]]:
    """Return Ann with an account at corp and at each of *more*."""
    async with database.users.ledger() as ledger:
        user = await ledger.create_user(ANN)
        for provider in more:
            await ledger.link(user.id, at_other_provider(ANN, provider=provider))
    return user, await database.users.accounts_of(user.id)


async def test_G114_an_account_is_given_up_and_the_epoch_raised(database: Database) -> None:
    user, (corp, other) = await person(database, "other")
    done = await Unlinking(database.users, passwords=True).unlink(
        user.id, handle_of(other), in_use=key_of(corp)
    )
    assert done is not None
    assert (done.account, done.user.epoch) == (other, user.epoch + 1)
    assert await database.users.accounts_of(user.id) == (corp,)


async def test_G114_neither_the_last_way_nor_the_one_in_use_is_given_up(database: Database) -> None:
    user, (corp, other) = await person(database, "other")
    unlinking = Unlinking(database.users, passwords=True)
    with pytest.raises(AccountKept):
        await unlinking.unlink(user.id, handle_of(other), in_use=key_of(other))
    assert await database.users.accounts_of(user.id) == (corp, other)
    assert await unlinking.unlink(user.id, handle_of(corp)) is not None
    with pytest.raises(AccountKept):
        await unlinking.unlink(user.id, handle_of(other))
    assert await database.users.accounts_of(user.id) == (other,)
    assert (await database.users.everyone())[0].epoch == user.epoch + 1, "a refusal ends no session"


@pytest.mark.parametrize("taken", [True, False])
async def test_G114_a_password_is_a_way_to_sign_in_where_passwords_are_taken(
    database: Database, taken: bool
) -> None:
    user, (corp,) = await person(database)
    await database.passwords.change(user.id, "$argon2id$")
    unlinking = Unlinking(database.users, passwords=taken)
    if taken:
        done = await unlinking.unlink(user.id, handle_of(corp))
        assert done is not None
        assert done.user.email == user.email, "it is what they sign in with"
    else:
        with pytest.raises(AccountKept):
            await unlinking.unlink(user.id, handle_of(corp))
    assert await database.users.accounts_of(user.id) == (() if taken else (corp,))


async def test_G114_two_at_once_leave_one_way(database: Database) -> None:
    user, accounts = await person(database, "other")
    unlinking = Unlinking(database.users, passwords=True)
    done = await asyncio.gather(
        *[unlinking.unlink(user.id, handle_of(account)) for account in accounts], return_exceptions=True
    )
    assert sum(isinstance(each, AccountKept) for each in done) == 1
    assert len(await database.users.accounts_of(user.id)) == 1


async def test_somebody_else_s_account_and_one_that_is_gone_are_none_of_theirs(database: Database) -> None:
    user, (_, other) = await person(database, "other")
    async with database.users.ledger() as ledger:
        bob = await ledger.create_user(BOB)
    (his,) = await database.users.accounts_of(bob.id)
    unlinking = Unlinking(database.users, passwords=True)
    assert await unlinking.unlink(user.id, handle_of(his)) is None
    assert await unlinking.unlink(user.id, "") is None
    await unlinking.unlink(user.id, handle_of(other))
    assert await unlinking.unlink(user.id, handle_of(other)) is None
    assert len(await database.users.accounts_of(bob.id)) == 1


def test_a_handle_names_one_account_and_tells_no_subject() -> None:
    account = Account(
        provider="corp",
        issuer="https://i",
        subject="ann-1",
        user_id="u",
        email=None,
        linked_at=0,
        last_login_at=0,
    )
    handles = {
        handle_of(replace(account, **changes))
        for changes in ({}, {"subject": "ann-2"}, {"provider": "other"}, {"issuer": "https://j"})
    }
    assert len(handles) == 4
    assert "ann-1" not in handle_of(account)

"""A rule that left the configuration grants nothing any more."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.errors import StoreUnavailable
from gateway.model.role import EarnedRole
from gateway.store.grants import drop_grants_without
from tests.fakes.databases import hand, locked, made_in, opened, url_in
from tests.fakes.logins import ANN, BOB, at_other_provider, earned

pytestmark = pytest.mark.usefixtures("kind")


async def roles(directory: Path) -> tuple[str, ...]:
    async with opened(directory) as database:
        (user,) = await database.users.everyone()
    return user.roles


async def dropped(directory: Path, *rules: tuple[str, str], rule: str = "r") -> int:
    kept = [(provider, EarnedRole(role=role, rule=rule)) for provider, role in rules]
    return await asyncio.to_thread(drop_grants_without, url_in(directory), kept)


async def test_B75_a_rule_that_is_taken_out_takes_its_grants_along(tmp_path: Path) -> None:
    async with opened(tmp_path) as database, database.users.ledger() as ledger:
        ann = await ledger.create_user(replace(ANN, roles=earned("admin", "editor")))
        await ledger.link(ann.id, at_other_provider(ANN, roles=earned("admin")))
        await ledger.grant(ann.id, ["editor", "guest"])
    assert await dropped(tmp_path, ("corp", "editor"), ("other", "admin")) == 1
    assert await roles(tmp_path) == ("admin", "editor", "guest")
    assert await dropped(tmp_path) == 2
    assert await roles(tmp_path) == ("editor", "guest")


async def test_B75_a_rule_that_asks_for_something_else_takes_along_what_the_old_one_granted(
    tmp_path: Path,
) -> None:
    both = (*earned("admin", "editor"), *earned("editor", rule="other"))
    async with opened(tmp_path) as database, database.users.ledger() as ledger:
        await ledger.create_user(replace(ANN, roles=both))
        await ledger.create_user(replace(BOB, roles=earned("editor")))
    rules = [("corp", "admin"), ("corp", "editor")]
    assert await dropped(tmp_path, *rules, rule="other") == 3
    async with opened(tmp_path) as database:
        assert {user.name: user.roles for user in await database.users.everyone()} == {
            "Ann": ("editor",),
            "Bob": (),
        }


async def test_where_every_rule_is_still_there_nothing_is_written(tmp_path: Path) -> None:
    async with opened(tmp_path) as database, database.users.ledger() as ledger:
        await ledger.create_user(replace(ANN, roles=earned("admin")))
    with locked(tmp_path):
        assert await dropped(tmp_path, ("corp", "admin")) == 0
    assert await roles(tmp_path) == ("admin",)


def test_D11_a_database_that_is_gone_is_an_outage(tmp_path: Path) -> None:
    made_in(tmp_path)
    hand(tmp_path, "DROP TABLE user_roles")
    with pytest.raises(StoreUnavailable):
        drop_grants_without(url_in(tmp_path), set())

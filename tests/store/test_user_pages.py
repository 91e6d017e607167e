"""Users by pages: each once, found by what an administrator knows of them."""

from dataclasses import replace
from pathlib import Path

import pytest

from gateway.model.cursor import Cursor
from gateway.model.identity import User
from gateway.model.role import HeldRole, rule_of
from tests.fakes.clock import FakeClock
from tests.fakes.databases import opened
from tests.fakes.logins import ANN, earned

pytestmark = pytest.mark.usefixtures("kind")


async def test_users_come_by_pages_each_once_the_newest_first(tmp_path: Path) -> None:
    clock = FakeClock()
    async with opened(tmp_path, clock) as database:
        for number in range(5):
            await database.users.add(f"u{number}@example.com", roles=["a", "b"])
            clock.advance(number % 2)
        seen: list[User] = []
        after = None
        while found := await database.user_pages.page(after=after, limit=2):
            seen += found
            after = Cursor(moment=found[-1].created_at, id=found[-1].id)
        everyone = await database.users.everyone()
    assert sorted(seen, key=lambda user: user.id) == sorted(everyone, key=lambda user: user.id)
    assert seen == sorted(seen, key=lambda user: (-user.created_at, user.id))
    assert {user.roles for user in seen} == {("a", "b")}


async def test_users_are_found_by_a_piece_of_e_mail_or_name_and_by_how_their_id_begins(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as database:
        ann = await database.users.add("Ann@Example.com", name="Ann 100%_Example")
        bob = await database.users.add("bob@example.com", name="Bob")
        assert ann is not None
        assert bob is not None

        async def found(search: str) -> set[str]:
            return {user.id for user in await database.user_pages.page(search=search, limit=10)}

        assert await found("ann@") == await found("100%_e") == await found("ANN") == {ann.id}
        assert await found("example.com") == {ann.id, bob.id}
        assert await found(bob.id) == await found(bob.id[:12]) == {bob.id}
        for nobody in ("a%n", "b_b", "'", "\\", bob.id[3:]):
            assert await found(nobody) == set()


async def test_users_are_named_by_their_ids_and_who_is_gone_is_not(tmp_path: Path) -> None:
    async with opened(tmp_path) as database:
        ann = await database.users.add("ann@example.com", roles=["a"])
        assert ann is not None
        assert await database.user_pages.named([]) == {}
        assert await database.user_pages.named([ann.id, "u_gone", ann.id]) == {ann.id: ann}


async def test_each_role_is_told_with_whose_word_it_is(tmp_path: Path) -> None:
    rule = rule_of("groups", "admins")
    async with opened(tmp_path) as database:
        async with database.users.ledger() as ledger:
            user = await ledger.create_user(replace(ANN, roles=earned("admin", rule=rule)))
            await ledger.grant(user.id, ["admin", "editor"])
        assert await database.user_pages.roles_of(user.id) == (
            HeldRole(role="admin", source="", rule=""),
            HeldRole(role="admin", source="corp", rule=rule),
            HeldRole(role="editor", source="", rule=""),
        )
        assert await database.user_pages.roles_of("u_nobody") == ()

from contextlib import suppress
from pathlib import Path

import pytest

from tests.fakes.clock import FakeClock
from tests.fakes.databases import hand, opened
from tests.fakes.logins import ANN, BOB, at_other_provider

pytestmark = pytest.mark.usefixtures("kind")


async def test_everyone_is_listed_the_oldest_first_with_their_roles(tmp_path: Path) -> None:
    clock = FakeClock()
    async with opened(tmp_path, clock) as database:
        bob = await database.users.add("bob@example.com", name="Bob", roles=["b", "a", "b"])
        clock.advance(1)
        ann = await database.users.add("ann@example.com")
        assert await database.users.everyone() == (bob, ann)
    assert bob is not None
    assert bob.roles == ("a", "b")


async def test_an_added_user_has_the_administrator_s_word_for_the_e_mail(tmp_path: Path) -> None:
    async with opened(tmp_path) as database:
        user = await database.users.add("Ann@Example.com")
    assert user is not None
    assert (user.email, user.email_verified, user.enabled) == ("Ann@Example.com", True, True)


async def test_an_e_mail_is_added_once_in_whatever_case(tmp_path: Path) -> None:
    async with opened(tmp_path) as database:
        assert await database.users.add("ann@example.com") is not None
        assert await database.users.add("ANN@example.com", roles=["admin"]) is None
        (user,) = await database.users.everyone()
    assert user.roles == ()


async def test_a_user_is_found_by_id_and_by_e_mail(tmp_path: Path) -> None:
    async with opened(tmp_path) as database:
        ann = await database.users.add("ann@example.com")
        assert ann is not None
        assert await database.users.find(ann.id) == ann
        assert await database.users.find("ANN@example.com") == ann
        for nobody in ("", "bob@example.com", "u_", ann.id.upper(), "%", "ann@example.com'--"):
            assert await database.users.find(nobody) is None


async def test_B82_disabling_raises_the_epoch_and_enabling_does_not_lower_it(tmp_path: Path) -> None:
    async with opened(tmp_path) as database:
        ann = await database.users.add("ann@example.com")
        assert ann is not None
        off = await database.users.set_enabled(ann.id, enabled=False)
        on = await database.users.set_enabled(ann.id, enabled=True)
        assert await database.users.set_enabled("u_nobody", enabled=True) is None
    assert off is not None
    assert (off.enabled, off.epoch) == (False, 1)
    assert on is not None
    assert (on.enabled, on.epoch) == (True, 1)


async def test_roles_change_for_a_user_who_exists(tmp_path: Path) -> None:
    async with opened(tmp_path) as database:
        ann = await database.users.add("ann@example.com", roles=["old"])
        assert ann is not None
        changed = await database.users.change_roles(ann.id, grant=["new", "new"], revoke=["old", "never"])
        assert changed is not None
        assert changed.roles == ("new",)
        assert await database.users.change_roles("u_nobody", grant=["new"]) is None


async def test_a_deleted_user_leaves_no_account_and_no_role(tmp_path: Path) -> None:
    async with opened(tmp_path) as database:
        async with database.users.ledger() as ledger:
            ann = await ledger.create_user(ANN)
            await ledger.grant(ann.id, ["admin"])
            bob = await ledger.create_user(BOB)
        assert await database.users.delete(ann.id)
        assert not await database.users.delete(ann.id)
        assert await database.users.everyone() == (bob,)
    assert hand(tmp_path, "SELECT user_id FROM accounts") == [(bob.id,)]
    assert hand(tmp_path, "SELECT count(*) FROM user_roles") == [(0,)]


async def test_accounts_are_listed_the_oldest_first(tmp_path: Path) -> None:
    clock = FakeClock()
    async with opened(tmp_path, clock) as database:
        async with database.users.ledger() as ledger:
            ann = await ledger.create_user(ANN)
        clock.advance(1)
        async with database.users.ledger() as ledger:
            await ledger.link(ann.id, at_other_provider(ANN))
        found = await database.users.accounts_of(ann.id)
        assert await database.users.accounts_of("u_nobody") == ()
    assert [account.provider for account in found] == ["corp", "other"]


async def test_a_ledger_whose_body_raises_is_undone(tmp_path: Path) -> None:
    async with opened(tmp_path) as database:
        with suppress(ZeroDivisionError):
            async with database.users.ledger() as ledger:
                await ledger.create_user(ANN)
                raise ZeroDivisionError
        assert await database.users.everyone() == ()

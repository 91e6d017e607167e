"""Passwords in the store: found by address, changed with the epoch, rehashed only if unchanged."""

import asyncio
from pathlib import Path

import pytest

from gateway.errors import StoreUnavailable
from tests.fakes.databases import hand, locked, opened

pytestmark = pytest.mark.usefixtures("kind")

ANN = "ann@example.com"


async def test_a_user_is_found_with_their_hash_by_any_spelling_of_the_address(tmp_path: Path) -> None:
    async with opened(tmp_path) as database:
        ann = await database.users.add(ANN, roles=["admin", "editor"], password_hash="h1")
        for name in (ANN, "ANN@example.com", "\uff41\uff4e\uff4e@example.com"):
            found = await database.passwords.find(name)
            assert found is not None
            assert (found.user, found.hash) == (ann, "h1")


async def test_who_has_no_password_is_found_without_one(tmp_path: Path) -> None:
    async with opened(tmp_path) as database:
        await database.users.add(ANN)
        found = await database.passwords.find(ANN)
        assert found is not None
        assert found.hash is None


@pytest.mark.parametrize("name", ["nobody@example.com", "ann", "", "' OR 1=1 --", "a\0b", "x" * 5000])
async def test_nobody_is_found_by_another_name(tmp_path: Path, name: str) -> None:
    async with opened(tmp_path) as database:
        ann = await database.users.add(ANN, password_hash="h1")
        assert await database.passwords.find(name) is None
        assert await database.passwords.find(ann.id if ann else "") is None


async def test_B114_a_new_password_replaces_the_old_and_raises_the_epoch(tmp_path: Path) -> None:
    async with opened(tmp_path) as database:
        ann = await database.users.add(ANN, password_hash="h1")
        bob = await database.users.add("bob@example.com", password_hash="h1")
        assert ann is not None
        changed = await database.passwords.change(ann.id, "h2")
        assert changed is not None
        assert changed.epoch == ann.epoch + 1
        found = await database.passwords.find(ANN)
        assert found is not None
        assert (found.hash, found.user.epoch) == ("h2", 1)
        others = await database.passwords.find("bob@example.com")
        assert others is not None
        assert (others.hash, others.user) == ("h1", bob)


async def test_a_first_password_ends_sessions_too(tmp_path: Path) -> None:
    async with opened(tmp_path) as database:
        ann = await database.users.add(ANN)
        changed = await database.passwords.change(ann.id if ann else "", "h1")
        assert changed is not None
        assert changed.epoch == 1
        assert await database.users.has_password(changed.id)


async def test_nobody_gets_no_password(tmp_path: Path) -> None:
    async with opened(tmp_path) as database:
        assert await database.passwords.change("u_nobody", "h1") is None


async def test_a_rehash_keeps_sessions_and_never_undoes_a_change(tmp_path: Path) -> None:
    async with opened(tmp_path) as database:
        ann = await database.users.add(ANN, password_hash="h1")
        assert ann is not None
        await database.passwords.rehash(ann.id, old="h1", new="h1 at more cost")
        found = await database.passwords.find(ANN)
        assert found is not None
        assert (found.hash, found.user.epoch) == ("h1 at more cost", 0)
        await database.passwords.change(ann.id, "h2")
        await database.passwords.rehash(ann.id, old="h1 at more cost", new="stale")
        found = await database.passwords.find(ANN)
        assert found is not None
        assert found.hash == "h2"


async def test_a_password_goes_with_its_user(tmp_path: Path) -> None:
    async with opened(tmp_path) as database:
        ann = await database.users.add(ANN, password_hash="h1")
        await database.users.delete(ann.id if ann else "")
    assert hand(tmp_path, "SELECT count(*) FROM passwords") == [(0,)]


@pytest.mark.hurried
async def test_an_outage_is_told_as_one(tmp_path: Path) -> None:
    async with opened(tmp_path) as database:
        ann = await database.users.add(ANN, password_hash="h1")
        with locked(tmp_path), pytest.raises(StoreUnavailable):
            await database.passwords.change(ann.id if ann else "", "h2")


async def test_O38_a_flood_of_logins_waits_for_its_turn_and_leaves_connections_to_others(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as database:
        ann = await database.users.add(ANN, password_hash="h1")
        flood = [asyncio.create_task(database.passwords.find(ANN)) for _ in range(300)]
        await asyncio.sleep(0)
        assert await database.users.find(ANN) == ann
        assert not all(task.done() for task in flood)
        assert all(found is not None for found in await asyncio.gather(*flood))


async def test_B114_a_replaced_password_ends_the_sessions_but_the_one_to_be_issued_anew(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as database:
        ann = await database.users.add(ANN, password_hash="h1")
        assert ann is not None
        assert await database.passwords.replace(ann.id, old="h0", new="h2", but="sid") is None
        replaced = await database.passwords.replace(ann.id, old="h1", new="h2", but="sid")
        assert replaced is not None
        assert replaced.epoch == ann.epoch + 1
        found = await database.passwords.of(ann.id)
        assert found is not None
        assert (found.hash, found.user) == ("h2", replaced)
        assert await database.passwords.of("u_nobody") is None

"""Personal tokens in the database: whose they are, and that none outlives its user."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.errors import AccessDenied
from gateway.model.personal import PersonalToken
from gateway.store import personal_tokens
from gateway.store.database import Database
from tests.fakes.clock import FakeClock
from tests.fakes.databases import made_in, url_in, use

KEY = b"k" * 32


async def opened(folder: Path) -> Database:
    return await Database.open(url_in(folder), clock=FakeClock())


def token(user_id: str, public_id: str = "0" * 16) -> PersonalToken:
    return PersonalToken(
        public_id=public_id,
        user_id=user_id,
        name="nightly",
        routes=("/api", "wiki.example.com/"),
        created_at=1,
        expires_at=2_000_000_000,
    )


@pytest.fixture(params=["sqlite", "postgres"])
async def ann(tmp_path: Path, request: pytest.FixtureRequest, needs: Callable[[str], str]) -> str:
    if request.param == "postgres":
        needs("postgres")
    use(tmp_path, request.param)
    made_in(tmp_path)
    database = await opened(tmp_path)
    user = await database.users.add("ann@example.com", roles=["editor"])
    await database.close()
    assert user is not None
    return user.id


async def test_a_token_is_found_by_its_hash_with_its_user(tmp_path: Path, ann: str) -> None:
    database = await opened(tmp_path)
    try:
        assert await database.personal_tokens.add(token(ann), key=KEY)
        found = await database.personal_token(KEY)
        assert found is not None
        assert found[0] == token(ann)
        assert (found[1].email, found[1].roles, found[1].enabled) == ("ann@example.com", ("editor",), True)
        assert await database.personal_token(b"x" * 32) is None
        assert await database.personal_tokens.listed() == (token(ann),)
        assert await database.personal_tokens.listed("u_nobody") == ()
    finally:
        await database.close()


async def test_a_revoked_token_is_gone_and_only_its_owner_revokes_it(tmp_path: Path, ann: str) -> None:
    database = await opened(tmp_path)
    try:
        await database.personal_tokens.add(token(ann), key=KEY)
        assert await database.personal_tokens.revoke("0" * 16, user_id="u_other") is None
        assert await database.personal_tokens.revoke("0" * 16, user_id=ann) == token(ann)
        assert await database.personal_token(KEY) is None
        assert await database.personal_tokens.revoke("0" * 16) is None
    finally:
        await database.close()


@pytest.mark.parametrize("how", ["disable", "delete"])
async def test_tokens_die_with_their_user(tmp_path: Path, ann: str, how: str) -> None:
    database = await opened(tmp_path)
    try:
        await database.personal_tokens.add(token(ann), key=KEY)
        if how == "delete":
            await database.users.delete(ann)
        else:
            await database.users.set_enabled(ann, enabled=False)
            await database.users.set_enabled(ann, enabled=True)
        assert await database.personal_token(KEY) is None
    finally:
        await database.close()


async def test_uses_are_noted_once_a_minute(tmp_path: Path, ann: str) -> None:
    database = await opened(tmp_path)
    try:
        await database.personal_tokens.add(token(ann), key=KEY)
        for moment, noted in ((100, 100), (159, 100), (160, 160)):
            await database.personal_tokens.seen({"0" * 16: moment, "f" * 16: moment})
            assert await database.personal_tokens.listed() == (replace(token(ann), used_at=noted),)
    finally:
        await database.close()


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> int:
    """How many a user may have in this test."""
    monkeypatch.setattr(personal_tokens, "MOST", 4)
    return 4


async def filled(database: Database, user_id: str, *, expired: int) -> None:
    """Give a user so many tokens as they may have, of which the first *expired* end at the second 1, 2, …"""
    for number in range(personal_tokens.MOST):
        end = number + 1 if number < expired else 2_000_000_000
        given = replace(token(user_id, f"{number:016x}"), expires_at=end)
        assert await database.personal_tokens.add(given, key=number.to_bytes(32, "big"))


def made_at(moment: int, user_id: str, number: int) -> PersonalToken:
    return replace(token(user_id, f"{number:016x}"), created_at=moment)


async def test_a_user_has_so_many_and_no_more(tmp_path: Path, ann: str) -> None:
    database = await opened(tmp_path)
    try:
        await filled(database, ann, expired=0)
        assert not await database.personal_tokens.add(token(ann, "f" * 16), key=KEY)
        assert len(await database.personal_tokens.listed(ann)) == 100
    finally:
        await database.close()


async def test_expired_ones_give_way_the_first_to_end_first_and_no_others(
    tmp_path: Path, ann: str, few: int
) -> None:
    database = await opened(tmp_path)
    try:
        await filled(database, ann, expired=2)
        assert not await database.personal_tokens.add(made_at(0, ann, 1000), key=KEY), "none is over yet"
        assert await database.personal_tokens.add(made_at(1, ann, 1000), key=KEY)
        listed = {each.public_id for each in await database.personal_tokens.listed(ann)}
        assert listed == {f"{number:016x}" for number in (*range(1, few), 1000)}
        assert await database.personal_token((0).to_bytes(32, "big")) is None
        assert not await database.personal_tokens.add(made_at(1, ann, 1001), key=b"l" * 32)
    finally:
        await database.close()


async def test_two_at_once_do_not_share_the_room_of_one(tmp_path: Path, ann: str, few: int) -> None:
    one, other = await opened(tmp_path), await opened(tmp_path)
    try:
        await filled(one, ann, expired=1)
        made = await asyncio.gather(
            one.personal_tokens.add(made_at(10, ann, 1000), key=KEY),
            other.personal_tokens.add(made_at(10, ann, 1001), key=b"l" * 32),
        )
        assert sorted(made) == [False, True]
        assert len(await one.personal_tokens.listed(ann)) == few
    finally:
        await one.close()
        await other.close()


async def test_nobody_who_is_disabled_or_gone_gets_one(tmp_path: Path, ann: str) -> None:
    database = await opened(tmp_path)
    try:
        await database.users.set_enabled(ann, enabled=False)
        for user_id in (ann, "u_nobody"):
            with pytest.raises(AccessDenied):
                await database.personal_tokens.add(token(user_id), key=KEY)
        await database.users.set_enabled(ann, enabled=True)
        assert await database.personal_tokens.listed(ann) == ()
        assert await database.personal_tokens.add(token(ann), key=KEY)
    finally:
        await database.close()

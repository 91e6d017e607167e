"""Personal tokens in the database: whose they are, and that none outlives its user."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.model.personal import PersonalToken
from gateway.store.database import Database
from gateway.store.personal_tokens import MOST
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


async def test_a_user_has_so_many_and_no_more(tmp_path: Path, ann: str) -> None:
    database = await opened(tmp_path)
    try:
        for number in range(MOST):
            key = number.to_bytes(32, "big")
            assert await database.personal_tokens.add(token(ann, f"{number:016x}"), key=key)
        assert not await database.personal_tokens.add(token(ann), key=KEY)
    finally:
        await database.close()

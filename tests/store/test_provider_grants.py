"""Grants: who may present a refresh token, and what is written when."""

from dataclasses import replace
from pathlib import Path

import pytest

from gateway.model.grant import GrantRecord
from gateway.store.provider_grants import KEPT
from tests.fakes.clock import FakeClock
from tests.fakes.databases import hand, opened

pytestmark = pytest.mark.usefixtures("kind")

KEY, TAG = b"k" * 32, b"t" * 32
GRANT = GrantRecord(
    key=KEY,
    user_id="u-1",
    provider="corp",
    issuer="https://issuer.example",
    subject="ann-1",
    sealed="sealed-1",
    ends_at=2_000_000_000,
)


async def test_a_grant_is_found_as_it_was_kept(tmp_path: Path) -> None:
    async with opened(tmp_path, FakeClock()) as database:
        assert await database.provider_grants.find(KEY) is None
        await database.provider_grants.keep(GRANT)
        assert await database.provider_grants.find(KEY) == GRANT


async def test_B142_a_note_is_written_with_the_lock_before_anything_is_presented(tmp_path: Path) -> None:
    async with opened(tmp_path, FakeClock()) as database:
        grants = database.provider_grants
        await grants.keep(GRANT)
        turn = await grants.begin(GRANT, spent=TAG, holder="one")
        assert (turn.noted, turn.lease.holder, turn.record) == (True, "one", GRANT)
        noted = await grants.find(KEY)
        assert noted is not None
        assert (noted.presented, noted.version) == (1, 0)
        waiting = await grants.begin(GRANT, spent=TAG, holder="two")
        assert (waiting.noted, waiting.lease.holder) == (False, "one")
        after = await grants.begin(GRANT, spent=TAG, holder="two", dead=turn.lease)
        assert (after.noted, after.record) == (True, replace(GRANT, presented=1))


async def test_B139_both_tokens_and_the_end_of_the_lock_are_one_write(tmp_path: Path) -> None:
    async with opened(tmp_path, FakeClock()) as database:
        grants = database.provider_grants
        await grants.keep(GRANT)
        turn = await grants.begin(GRANT, spent=TAG, holder="one")
        new = replace(GRANT, sealed="sealed-2")
        assert await grants.finish(new, turn.lease, spent=TAG, outcome="outcome")
        assert await grants.find(KEY) == replace(new, version=1)
        assert hand(tmp_path, "SELECT * FROM locks") == []


async def test_B136_what_became_of_a_token_is_known_for_a_minute_and_it_is_not_presented(
    tmp_path: Path,
) -> None:
    clock = FakeClock()
    async with opened(tmp_path, clock) as database:
        grants = database.provider_grants
        await grants.keep(GRANT)
        turn = await grants.begin(GRANT, spent=TAG, holder="one")
        await grants.finish(replace(GRANT, sealed="sealed-2"), turn.lease, spent=TAG, outcome="outcome")
        late = await grants.begin(GRANT, spent=TAG, holder="two")
        assert (late.noted, late.outcome) == (False, "outcome")
        assert late.record is not None
        assert late.record.sealed == "sealed-2"
        clock.advance(KEPT)
        stale = await grants.begin(GRANT, spent=TAG, holder="two")
        assert (stale.noted, stale.outcome) == (False, None), "the grant has changed since"
        current = replace(GRANT, sealed="sealed-2", version=1)
        again = await grants.begin(current, spent=b"u" * 32, holder="two")
        assert again.noted
        await grants.finish(current, again.lease, spent=b"u" * 32, outcome="next")
        assert len(hand(tmp_path, "SELECT * FROM refreshed_grants")) == 1, "the older one is swept"


async def test_a_grant_that_changed_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    async with opened(tmp_path, FakeClock()) as database:
        grants = database.provider_grants
        await grants.keep(GRANT)
        slow = await grants.begin(GRANT, spent=TAG, holder="slow")
        fast = await grants.begin(GRANT, spent=TAG, holder="fast", dead=slow.lease)
        assert await grants.finish(replace(GRANT, sealed="fast"), fast.lease, spent=TAG, outcome="fast")
        assert not await grants.finish(replace(GRANT, sealed="slow"), slow.lease, spent=TAG, outcome="slow")
        found = await grants.find(KEY)
        assert found is not None
        assert found.sealed == "fast"


async def test_nothing_is_noted_for_a_grant_that_is_gone(tmp_path: Path) -> None:
    async with opened(tmp_path, FakeClock()) as database:
        turn = await database.provider_grants.begin(GRANT, spent=TAG, holder="one")
        assert (turn.noted, turn.record) == (False, None)
        assert hand(tmp_path, "SELECT * FROM locks") == []

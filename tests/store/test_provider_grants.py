"""Grants: who may present a refresh token, and what is written when."""

from dataclasses import replace
from pathlib import Path

import pytest

from gateway.model.grant import GrantRecord
from gateway.model.session import session_key
from gateway.store.database import Database
from gateway.store.provider_grants import FIRST_PAUSE, KEPT
from tests.fakes.clock import FakeClock
from tests.fakes.databases import hand, opened
from tests.fakes.logins import ANN, session_of

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


async def test_B136_O24_a_grant_that_changed_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
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
        late = await grants.begin(GRANT, spent=TAG, holder="late")
        assert late.outcome == "fast", "what became of the token is the winner's word"


async def test_B136_a_token_that_several_grants_hold_is_not_presented_once_it_is_known_to_be_spent(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path, FakeClock()) as database:
        grants = database.provider_grants
        first, second, third = (replace(GRANT, key=key * 32) for key in (b"1", b"2", b"3"))
        for each in (first, second, third):
            await grants.keep(each)
        one, two = [await grants.begin(each, spent=TAG, holder="h") for each in (first, second)]
        assert await grants.finish(first, one.lease, spent=TAG, outcome="first")
        late = await grants.begin(third, spent=TAG, holder="late")
        assert (late.noted, late.outcome, late.record) == (False, "first", third)
        assert await grants.finish(second, two.lease, spent=TAG, outcome="second")
        other = await grants.begin(third, spent=b"u" * 32, holder="late")
        assert await grants.finish(third, other.lease, spent=b"u" * 32, outcome="other")
        current = replace(third, version=1)
        assert (await grants.begin(current, spent=TAG, holder="late")).outcome == "second"
        dead = await grants.begin(current, spent=b"v" * 32, holder="late")
        assert await grants.finish(replace(current, dead="refused"), dead.lease)
        assert hand(tmp_path, "SELECT * FROM locks") == []


async def test_nothing_is_noted_for_a_grant_that_is_gone(tmp_path: Path) -> None:
    async with opened(tmp_path, FakeClock()) as database:
        turn = await database.provider_grants.begin(GRANT, spent=TAG, holder="one")
        assert (turn.noted, turn.record) == (False, None)
        assert hand(tmp_path, "SELECT * FROM locks") == []


async def begun(database: Database, name: str, user_id: str) -> GrantRecord:
    session = session_of(user_id, authenticated_at=int(FakeClock()()), session_id=name)
    await database.sign_ins.record(session, address="", browser="")
    record = replace(GRANT, key=session_key(name), user_id=user_id, issuer=session.issuer)
    await database.provider_grants.keep(record)
    return record


async def ended(database: Database, *, begun_after: int = 0) -> dict[bytes, bool]:
    taken = await database.provider_grants.take_ended(begun_after=begun_after, most=20)
    return {each.record.key: each.last for each in taken}


@pytest.mark.parametrize(
    "how", ["by name", "everywhere", "disabled", "unlinked", "deleted", "by the operator"]
)
async def test_B117_the_grant_of_an_ended_session_is_found_however_that_ended(
    tmp_path: Path, how: str
) -> None:
    clock = FakeClock()
    async with opened(tmp_path, clock) as database:
        async with database.users.ledger() as ledger:
            user = await ledger.create_user(replace(ANN, issuer="https://issuer.example"))
        record = await begun(database, "sid-1", user.id)
        assert await ended(database) == {}
        match how:
            case "by name":
                await database.deny("sid-1", until=2_000_000_000)
            case "everywhere":
                await database.end_sessions_of(user.id)
            case "disabled":
                await database.users.set_enabled(user.id, enabled=False)
            case "unlinked":
                async with database.users.ledger() as ledger:
                    (account,) = await ledger.accounts_of(user.id)
                    await ledger.unlink(account)
            case "deleted":
                hand(tmp_path, "DELETE FROM users")
            case _:
                await database.endings.end_everybody(until=2_000_000_000)
        assert await database.provider_grants.find(record.key) == record
        assert await ended(database) == {record.key: True}
        assert await database.provider_grants.find(record.key) is None, "nobody forwards it any more"


async def test_B117_a_grant_is_the_last_where_no_session_of_its_account_is_left(tmp_path: Path) -> None:
    async with opened(tmp_path, FakeClock()) as database:
        async with database.users.ledger() as ledger:
            user = await ledger.create_user(ANN)
        first, second = [await begun(database, name, user.id) for name in ("sid-1", "sid-2")]
        await database.deny("sid-1", until=2_000_000_000)
        assert await ended(database) == {first.key: False}
        await database.deny("sid-2", until=2_000_000_000)
        assert await ended(database) == {second.key: True}


async def test_the_session_that_outlives_its_users_others_keeps_its_grant(tmp_path: Path) -> None:
    async with opened(tmp_path, FakeClock()) as database:
        async with database.users.ledger() as ledger:
            user = await ledger.create_user(ANN)
        kept, other = [await begun(database, name, user.id) for name in ("sid-1", "sid-2")]
        await database.end_sessions_of(user.id, but="sid-1")
        assert await ended(database) == {other.key: False}
        assert await database.provider_grants.find(kept.key) == kept


async def test_B117_an_ended_grant_is_taken_by_one_and_by_another_later_if_it_stays(tmp_path: Path) -> None:
    clock = FakeClock()
    async with opened(tmp_path, clock) as database, opened(tmp_path, clock) as other:
        async with database.users.ledger() as ledger:
            user = await ledger.create_user(ANN)
        record = await begun(database, "sid-1", user.id)
        await database.deny("sid-1", until=2_000_000_000)
        assert await ended(database) == {record.key: True}
        assert await ended(other) == {}
        clock.advance(FIRST_PAUSE)
        (again,) = await other.provider_grants.take_ended(begun_after=0, most=20)
        assert again.tries == 2
        clock.advance(FIRST_PAUSE)
        assert await ended(database) == {}, "twice as long"
        await other.provider_grants.forget(record.key)
        clock.advance(1e6)
        assert await ended(database) == {}


async def test_a_session_beyond_max_age_or_its_end_is_over(tmp_path: Path) -> None:
    clock = FakeClock()
    async with opened(tmp_path, clock) as database:
        async with database.users.ledger() as ledger:
            user = await ledger.create_user(ANN)
        record = await begun(database, "sid-1", user.id)
        assert await ended(database, begun_after=int(clock()) - 1) == {}
        assert await ended(database, begun_after=int(clock())) == {record.key: True}


async def test_a_refresh_of_a_session_that_ended_meanwhile_writes_nothing(tmp_path: Path) -> None:
    async with opened(tmp_path, FakeClock()) as database:
        grants = database.provider_grants
        await grants.keep(GRANT)
        turn = await grants.begin(GRANT, spent=TAG, holder="one")
        assert await ended(database) == {KEY: True}
        assert not await grants.finish(replace(GRANT, sealed="new"), turn.lease)
        assert "new" not in str(hand(tmp_path, "SELECT sealed FROM provider_grants"))


async def test_a_session_that_was_not_seen_for_long_is_over(tmp_path: Path) -> None:
    clock = FakeClock()
    async with opened(tmp_path, clock) as database:
        async with database.users.ledger() as ledger:
            user = await ledger.create_user(ANN)
        seen, unseen = [await begun(database, name, user.id) for name in ("sid-1", "sid-2")]
        at = int(clock())
        await database.sign_ins.seen({"sid-1": at + 100})
        taken = await database.provider_grants.take_ended(begun_after=0, seen_after=at, most=20)
        assert [each.record.key for each in taken] == [unseen.key]
        assert await database.provider_grants.find(seen.key) == seen

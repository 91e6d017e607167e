"""What may have ended many sessions says of each what the lookup of one says."""

from pathlib import Path

import pytest

from gateway.model.session import SessionRecord, Standing, Validity
from gateway.store.database import Database
from tests.fakes.clock import FakeClock
from tests.fakes.databases import opened
from tests.fakes.records import NOW, record

pytestmark = pytest.mark.usefixtures("kind")

UNTIL = NOW + 1000


async def user_in(database: Database, email: str) -> str:
    user = await database.users.add(email, roles=["admin", "editor"])
    if user is None:
        raise LookupError(email)
    return user.id


def as_looked_up(standing: Standing | None) -> Validity | None:
    if standing is None:
        return None
    return Validity(enabled=standing.enabled, epoch=standing.epoch, denied=standing.denied)


async def test_it_says_what_each_lookup_says(tmp_path: Path) -> None:
    async with opened(tmp_path, FakeClock(NOW)) as database:
        ann, bob, eve = [await user_in(database, f"{name}@example.com") for name in ("ann", "bob", "eve")]
        await database.end_sessions_of(bob)
        await database.users.set_enabled(eve, enabled=False)
        records: list[SessionRecord] = [
            record("well", ann),
            record("named", ann, issuer_sid="op-1", subject="sub-2"),
            record("of a subject", ann, subject="sub-3"),
            record("later", ann, subject="sub-3", created_at=NOW + 1),
            record("denied", ann),
            record("epoch", bob),
            record("disabled", eve),
            record("nobody's", "u_gone"),
        ]
        for each in records[:-1]:
            await database.sessions.add(each)
        for sid, subject, notice in (("op-1", None, b"1"), (None, "sub-3", b"2")):
            await database.endings.end_by_issuer(
                "https://issuer.example", sid=sid, subject=subject, notice=notice, until=UNTIL
            )
        await database.deny("denied", UNTIL)
        found = await database.validities(records)
        assert found == {each.key: as_looked_up(await database.standing_of(each)) for each in records}
        denied = [validity.denied for validity in found.values() if validity]
        assert denied == [False, True, True, False, True, False, False]
        assert [validity and validity.epoch for validity in found.values()][-3:] == [1, 1, None]


async def test_everybody_is_cut_off_up_to_a_moment(tmp_path: Path) -> None:
    async with opened(tmp_path, FakeClock(NOW)) as database:
        ann = await user_in(database, "ann@example.com")
        await database.endings.end_everybody(UNTIL)
        records = [record(str(begun), ann, created_at=begun) for begun in (NOW - 1, NOW, NOW + 1)]
        found = await database.validities(records)
        assert [validity and validity.denied for validity in found.values()] == [True, True, False]

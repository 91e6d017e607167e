"""Tokens of ended sessions: wiped, and told to the issuer where it was the last of its account."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest

from gateway.errors import IssuerUnavailable, StoreUnavailable
from gateway.flows.grants import Grants
from gateway.flows.revocation import ENDINGS, EVERY, MOST, Revocations, Word
from gateway.keys.keyring import KeyRing
from gateway.model.event import AuditEvent
from gateway.model.grant import GrantRecord, ProviderTokens, Token
from gateway.model.session import session_key
from tests.fakes.clock import FakeClock
from tests.fakes.logins import session_of
from tests.fakes.memory_grants import MemoryGrants

TOKENS = ProviderTokens(access_token=Token(value="at", received_at=0), refresh_token="rt")


@dataclass(frozen=True)
class Ended:
    record: GrantRecord
    last: bool = True
    tries: int = 1


class Store:
    """Hands out what it is given, once; `down` makes it fail."""

    def __init__(self) -> None:
        self.ended: list[Ended] = []
        self.forgotten: list[bytes] = []
        self.asked = 0
        self.down = False
        self.slow = 0.0
        self.monotonic = FakeClock()

    async def take_ended(self, *, begun_after: int, seen_after: int | None, most: int) -> Sequence[Ended]:
        assert (begun_after, seen_after) == (int(FakeClock()()) - 2_592_000, int(FakeClock()()) - 7200)
        self.asked += 1
        self.monotonic.advance(self.slow)
        if self.down:
            raise StoreUnavailable("down")
        taken, self.ended = self.ended[:most], self.ended[most:]
        return taken

    async def forget(self, key: bytes) -> None:
        self.forgotten.append(key)


class Issuer:
    def __init__(self) -> None:
        self.answer: bool | Exception | None = True
        self.told: list[ProviderTokens] = []

    async def revoke(self, tokens: ProviderTokens) -> bool | None:
        self.told.append(tokens)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class Gate:
    """One node's revocations."""

    def __init__(self) -> None:
        ring = KeyRing([b"s" * 32], scope="https://gate.example.com")
        self.events: list[AuditEvent] = []
        self.counted: list[str] = []
        self.store, self.issuer, self.kept = Store(), Issuer(), MemoryGrants()
        self.word = Word(self.events.append)
        self.grants = Grants(self.kept, sealer=ring.sealer("tokens"), mac=ring.mac("tokens"))
        self.revocations = Revocations(
            self.grants,
            store=self.store,
            issuers={"corp": self.issuer},
            word=self.word,
            max_age=2_592_000,
            idle=7200,
            clock=FakeClock(),
            monotonic=self.store.monotonic,
            counts=self,
            audit=self.word.audit,
        )

    def token_revocation(self, *, provider: str, outcome: str) -> None:
        assert provider == "corp"
        self.counted.append(outcome)

    async def record(self) -> GrantRecord:
        session = session_of("u-1", authenticated_at=100)
        await self.grants.keep(session, TOKENS)
        return self.kept.records[session_key(session.id)]


@pytest.mark.parametrize(
    ("answer", "last", "told", "outcome"),
    [
        (True, True, 1, "revoked"),
        (False, True, 1, "refused"),
        (None, True, 1, "wiped"),
        (True, False, 0, "wiped"),
    ],
)
async def test_B117_a_grant_is_wiped_and_revoked_if_it_was_the_last(
    answer: bool | None, last: bool, told: int, outcome: str
) -> None:
    gate = Gate()
    gate.issuer.answer = answer
    record = await gate.record()
    gate.store.ended = [Ended(record, last=last)]
    await gate.revocations.sweep()
    assert gate.issuer.told == [TOKENS] * told
    assert (gate.store.forgotten, gate.counted) == ([record.key], [outcome])
    assert len(gate.events) == (0 if outcome == "wiped" else 1)


async def test_B117_an_issuer_that_is_down_is_asked_again_and_not_for_ever() -> None:
    gate = Gate()
    gate.issuer.answer = IssuerUnavailable("down")
    record = await gate.record()
    for tries in range(1, MOST + 1):
        assert gate.store.forgotten == []
        gate.store.ended = [Ended(record, tries=tries)]
        await gate.revocations.sweep()
    assert (gate.store.forgotten, gate.counted) == ([record.key], ["outage"])
    assert [(each.name, each.outcome, each.reason) for each in gate.events] == [
        ("tokens.revoked", "failure", "outage")
    ]


@pytest.mark.parametrize("how", ["dead", "unreadable", "no issuer"])
async def test_what_cannot_be_revoked_is_wiped(how: str) -> None:
    gate = Gate()
    record = await gate.record()
    changes: dict[str, dict[str, str]] = {
        "dead": {"dead": "refused", "sealed": ""},
        "unreadable": {"sealed": "x"},
        "no issuer": {},
    }
    if how == "no issuer":
        gate.revocations._issuers = {}
    gate.store.ended = [Ended(replace(record, **changes[how]))]  # type: ignore[arg-type]
    await gate.revocations.sweep()
    assert (gate.issuer.told, gate.store.forgotten) == ([], [record.key])


@pytest.mark.parametrize("name", sorted(ENDINGS))
async def test_word_of_an_ending_is_passed_on_and_wakes(name: str) -> None:
    gate = Gate()
    event = AuditEvent(name=name)
    gate.word.audit(event)
    assert gate.events == [event]
    async with asyncio.timeout(5):
        await gate.word.comes(within=EVERY)


async def test_other_words_wake_nobody() -> None:
    gate = Gate()
    gate.word.audit(AuditEvent(name="session.created"))
    waiting = asyncio.create_task(gate.word.comes(within=EVERY))
    await asyncio.wait([waiting], timeout=0.3)
    assert not waiting.done()
    waiting.cancel()


async def test_a_store_that_is_down_stops_no_later_look() -> None:
    gate = Gate()
    gate.store.down = True
    gate.revocations.start()
    while not gate.store.asked:
        await asyncio.sleep(0)
    gate.store.down = False
    record = await gate.record()
    gate.store.ended = [Ended(record)]
    gate.word.audit(AuditEvent(name="logout"))
    async with asyncio.timeout(5):
        while not gate.store.forgotten:
            await asyncio.sleep(0.01)
    await gate.revocations.close()


async def test_what_nobody_foresaw_does_not_end_the_looking() -> None:
    gate = Gate()
    gate.issuer.answer = ZeroDivisionError()
    gate.store.ended = [Ended(await gate.record())]
    gate.revocations.start()
    async with asyncio.timeout(5):
        while not gate.events:
            await asyncio.sleep(0)
    assert [(each.name, each.reason) for each in gate.events] == [("tokens.unswept", "ZeroDivisionError")]
    gate.issuer.answer = True
    gate.store.ended = [Ended(record := await gate.record())]
    gate.word.audit(AuditEvent(name=next(iter(ENDINGS))))
    async with asyncio.timeout(5):
        while not gate.store.forgotten:
            await asyncio.sleep(0.01)
    assert gate.store.forgotten == [record.key]
    await gate.revocations.close()


async def test_looking_takes_a_tenth_of_the_time_however_often_sessions_end() -> None:
    gate = Gate()
    gate.store.slow = 2.0
    gate.revocations.start()
    while not gate.store.asked:
        await asyncio.sleep(0)
    for _ in range(20):
        gate.word.audit(AuditEvent(name="logout"))
        await asyncio.sleep(0.02)
    assert gate.store.asked == 1
    await gate.revocations.close()

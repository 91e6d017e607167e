"""One refresh for one grant: on the real store, with an issuer that waits when it is told to."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.errors import GrantForeign, GrantRefused, IssuerUnavailable, StoreUnavailable
from gateway.flows import refresh
from gateway.flows.grants import Grant, Grants
from gateway.flows.refresh import Pace, Refreshes
from gateway.keys.keyring import KeyRing
from gateway.model.event import AuditEvent
from gateway.model.grant import ProviderTokens, Token
from gateway.model.session import Session
from gateway.store.database import Database
from tests.fakes.clock import FakeClock
from tests.fakes.databases import hand, locked
from tests.fakes.logins import session_of

SESSION = session_of("u-1", authenticated_at=100)
QUICK = Pace(life=0.4, beat=0.05, look=0.01, doubt=0.05, writing=5.0)


def tokens(number: int) -> ProviderTokens:
    return ProviderTokens(
        access_token=Token(value=f"at-{number}", received_at=100, expires_at=400),
        refresh_token=f"rt-{number}",
    )


class Issuer:
    """Rotates; a token that comes back is refused. *fault* is raised instead, once its turn came."""

    def __init__(self) -> None:
        self.presented: list[str] = []
        self.revoked: list[ProviderTokens] = []
        self.fault: Exception | None = None
        self.gate = asyncio.Event()
        self.gate.set()
        self.asked = asyncio.Event()

    async def refresh(self, kept: ProviderTokens, *, subject: str) -> ProviderTokens:
        assert subject == "ann-1"
        assert kept.refresh_token is not None
        reused = kept.refresh_token in self.presented
        self.presented.append(kept.refresh_token)
        self.asked.set()
        await self.gate.wait()
        if self.fault is not None:
            raise self.fault
        if reused:
            raise GrantRefused("reused")
        return tokens(len(self.presented) + 1)

    async def revoke(self, kept: ProviderTokens) -> bool:
        self.revoked.append(kept)
        return True


class Node:
    """One process's refreshes."""

    def __init__(self, database: Database, clock: FakeClock, issuer: Issuer) -> None:
        ring = KeyRing([b"s" * 32], scope="https://gate.example.com")
        self.database = database
        self.counted: list[str] = []
        self.events: list[AuditEvent] = []
        self.told: list[str] = []
        self.ended: list[Session] = []
        self.grants = Grants(
            database.provider_grants, sealer=ring.sealer("provider-tokens"), mac=ring.mac("refresh-token")
        )
        self.refreshes = Refreshes(
            self.grants,
            store=database.provider_grants,
            locks=database.locks,
            issuers={"corp": issuer},
            end=self._end,
            clock=clock,
            monotonic=asyncio.get_running_loop().time,
            counts=self,
            audit=self.events.append,
            tell=lambda _level, name, _facts: self.told.append(name),
            pace=QUICK,
        )

    def token_refresh(self, *, provider: str, outcome: str) -> None:
        assert provider == "corp"
        self.counted.append(outcome)

    async def _end(self, session: Session) -> None:
        self.ended.append(session)

    async def grant(self) -> Grant:
        found = await self.grants.find(SESSION)
        assert found is not None
        return found

    async def refreshed(self, grant: Grant) -> Grant | None:
        return await asyncio.shield(self.refreshes.flight(grant, SESSION))


@asynccontextmanager
async def nodes(folder: Path, count: int = 1) -> AsyncIterator[tuple[Issuer, list[Node]]]:
    """Start so many nodes on one database that holds the first grant."""
    clock, issuer = FakeClock(), Issuer()
    databases = [
        Database.open(f"sqlite:///{folder}/gateway.db", clock=clock, create=True) for _ in range(count)
    ]
    opened_ = [await each for each in databases]
    made = [Node(each, clock, issuer) for each in opened_]
    try:
        await made[0].grants.keep(SESSION, tokens(1))
        yield issuer, made
        for each in made:
            await each.refreshes.close()
    finally:
        for database in opened_:
            await database.close()


async def test_B135_requests_on_two_nodes_share_one_call(tmp_path: Path) -> None:
    async with nodes(tmp_path, 2) as (issuer, (one, two)):
        grant = await one.grant()
        results = await asyncio.gather(*(node.refreshed(grant) for node in (one, two) for _ in range(10)))
        assert {result.tokens.access_token.value for result in results if result and result.tokens} == {
            "at-2"
        }
        assert issuer.presented == ["rt-1"]
        assert [*one.counted, *two.counted].count("refreshed") == 1


async def test_B138_a_slow_issuer_causes_no_second_call_while_its_caller_beats(tmp_path: Path) -> None:
    async with nodes(tmp_path, 2) as (issuer, (one, two)):
        issuer.gate.clear()
        grant = await one.grant()
        first = one.refreshes.flight(grant, SESSION)
        await issuer.asked.wait()
        second = two.refreshes.flight(grant, SESSION)
        await asyncio.wait([second], timeout=3 * QUICK.life)
        issuer.gate.set()
        assert (await first, issuer.presented) == (await second, ["rt-1"])


async def test_B138_B142_O26_a_dead_holder_is_followed_and_its_token_tried_once_more(tmp_path: Path) -> None:
    async with nodes(tmp_path) as (issuer, (node,)):
        grant = await node.grant()
        store = node.database.provider_grants
        tag = node.grants.tag("rt-1")
        await store.begin(grant.record, spent=tag, holder="dead before it presented")
        result = await node.refreshed(grant)
        assert result is not None
        assert result.tokens == tokens(2)
        assert issuer.presented == ["rt-1"]


async def test_B142_a_token_whose_presenters_died_twice_is_not_presented_again(tmp_path: Path) -> None:
    async with nodes(tmp_path) as (issuer, (node,)):
        grant = await node.grant()
        store, tag = node.database.provider_grants, node.grants.tag("rt-1")
        first = await store.begin(grant.record, spent=tag, holder="dead")
        await store.begin(grant.record, spent=tag, holder="dead too", dead=first.lease)
        result = await node.refreshed(grant)
        assert result is not None
        assert (result.tokens, result.record.dead, issuer.presented) == (None, "interrupted", [])


async def test_B136_a_token_known_to_be_spent_is_never_presented(tmp_path: Path) -> None:
    async with nodes(tmp_path) as (issuer, (node,)):
        grant = await node.grant()
        await node.refreshed(grant)
        sealed = grant.record.sealed
        hand(tmp_path, f"UPDATE provider_grants SET sealed = '{sealed}', version = 0")
        late = await node.refreshed(await node.grant())
        assert late is not None
        assert late.tokens == tokens(2)
        assert issuer.presented == ["rt-1"]
        assert node.counted == ["refreshed", "known"]


async def test_B136_O24_a_refusal_is_remembered_and_the_tokens_are_wiped(tmp_path: Path) -> None:
    async with nodes(tmp_path) as (issuer, (node,)):
        issuer.fault = GrantRefused("no")
        grant = await node.grant()
        for _ in range(3):
            result = await node.refreshed(grant)
            assert result is not None
            assert result.tokens is None
        assert issuer.presented == ["rt-1"]
        assert [(each.name, each.reason) for each in node.events] == [("tokens.refresh", "refused")]
        assert hand(tmp_path, "SELECT sealed FROM provider_grants") == [("",)]
        assert node.ended == []


async def test_B137_a_refusal_is_not_believed_where_another_has_won(tmp_path: Path) -> None:
    async with nodes(tmp_path, 2) as (issuer, (slow, fast)):
        issuer.gate.clear()
        grant = await slow.grant()
        record = grant.record
        first = await slow.database.provider_grants.begin(
            record, spent=slow.grants.tag("rt-1"), holder="hangs"
        )
        second = fast.refreshes.flight(grant, SESSION)
        await issuer.asked.wait()
        issuer.fault = GrantRefused("reused")
        won = slow.grants.replaced(grant, tokens(9))
        assert await slow.database.provider_grants.finish(won, first.lease)
        issuer.gate.set()
        result = await second
        assert result is not None
        assert result.tokens == tokens(9)
        assert fast.counted == ["overtaken"]


async def test_B140_an_outage_is_remembered_for_every_node(tmp_path: Path) -> None:
    async with nodes(tmp_path) as (issuer, (node,)):
        issuer.fault = IssuerUnavailable("down")
        with pytest.raises(IssuerUnavailable):
            await node.refreshed(await node.grant())
        after = await node.grant()
        assert after.tokens == tokens(1)
        assert after.record.retry_at > 0
        assert (node.counted, node.told) == (["outage"], ["tokens.refresh_failed"])
        issuer.fault, issuer.presented = None, []
        result = await node.refreshed(after)
        assert result is not None
        assert result.tokens == tokens(2)


async def test_B143_O28_foreign_tokens_end_the_session_and_nothing_of_them_is_kept(tmp_path: Path) -> None:
    async with nodes(tmp_path) as (issuer, (node,)):
        issuer.fault = GrantForeign("about somebody else")
        result = await node.refreshed(await node.grant())
        assert result is not None
        assert (result.tokens, result.record.dead) == (None, "foreign")
        assert node.ended == [SESSION]
        assert [each.reason for each in node.events] == ["foreign"]


async def test_B141_nobody_waiting_is_no_reason_to_stop(tmp_path: Path) -> None:
    async with nodes(tmp_path) as (issuer, (node,)):
        issuer.gate.clear()
        grant = await node.grant()
        waiting = asyncio.create_task(node.refreshed(grant))
        await issuer.asked.wait()
        waiting.cancel()
        await asyncio.wait([waiting])
        issuer.gate.set()
        await node.refreshes.close()
        assert (await node.grant()).tokens == tokens(2)


async def test_D14_what_an_issuer_gave_is_written_though_the_store_is_away_for_a_while(
    tmp_path: Path,
) -> None:
    async with nodes(tmp_path) as (issuer, (node,)):
        issuer.gate.clear()
        flight = node.refreshes.flight(await node.grant(), SESSION)
        await issuer.asked.wait()
        with locked(tmp_path):
            issuer.gate.set()
            await asyncio.wait([flight], timeout=0.6)
            assert not flight.done()
        result = await flight
        assert result is not None
        assert result.tokens == tokens(2)


async def test_B117_what_comes_for_a_session_that_ended_meanwhile_is_given_back(tmp_path: Path) -> None:
    async with nodes(tmp_path) as (issuer, (node,)):
        issuer.gate.clear()
        flight = node.refreshes.flight(await node.grant(), SESSION)
        await issuer.asked.wait()
        assert await node.database.provider_grants.take_ended(begun_after=0, most=1)
        issuer.gate.set()
        assert await flight is None
        assert issuer.revoked == [tokens(2)]


async def test_a_store_that_is_down_before_means_nothing_is_presented(tmp_path: Path) -> None:
    async with nodes(tmp_path) as (issuer, (node,)):
        grant = await node.grant()
        with locked(tmp_path), pytest.raises(StoreUnavailable):
            await node.refreshed(grant)
        assert issuer.presented == []


async def test_places_at_an_issuer_are_bounded_and_so_is_the_queue(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refresh, "WAITING", 2)
    async with nodes(tmp_path) as (issuer, (node,)):
        issuer.gate.clear()
        sessions = [replace(SESSION, id=f"sid-{number}") for number in range(2, 15)]
        for each in sessions:
            await node.grants.keep(each, replace(tokens(1), refresh_token=f"rt-{each.id}"))
        found = [await node.grants.find(each) for each in sessions]
        flights = [
            node.refreshes.flight(grant, each) for grant, each in zip(found, sessions, strict=True) if grant
        ]
        over = [each for each in flights[-3:]]
        done = await asyncio.gather(*over, return_exceptions=True)
        assert [type(each) for each in done] == [IssuerUnavailable] * 3
        issuer.gate.set()
        assert all(await asyncio.gather(*flights[:10]))
        assert len(issuer.presented) == 10

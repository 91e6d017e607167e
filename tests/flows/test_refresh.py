"""One refresh for one grant, on however many nodes."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import IssuerUnavailable, StoreUnavailable, TokenRefused
from gateway.flows.places import FAILURES
from gateway.flows.refresh import ATTEMPTS
from gateway.model.grant import Lease
from tests.fakes.databases import hand, locked
from tests.fakes.refreshes import PATIENCE, QUICK, SESSION, nodes, tokens


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
        first = one.flight(grant, SESSION)
        await issuer.asked.wait()
        second = two.flight(grant, SESSION)
        await asyncio.wait([second], timeout=1.5 * QUICK.life)
        issuer.gate.set()
        assert (await first, issuer.presented) == (await second, ["rt-1"])


async def test_B138_a_store_that_misses_a_beat_hears_the_next_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with nodes(tmp_path) as (issuer, (node,)):
        issuer.gate.clear()
        beats, heard, extend = [0], asyncio.Event(), node.database.locks.extend

        async def missed(lease: Lease) -> Lease | None:
            beats[0] += 1
            if beats[0] == 1:
                raise StoreUnavailable("busy")
            longer = await extend(lease)
            heard.set()
            return longer

        monkeypatch.setattr(node.database.locks, "extend", missed)
        flight = node.flight(await node.grant())
        await asyncio.wait_for(heard.wait(), 30)
        issuer.gate.set()
        result = await flight
        assert result is not None
        assert result.tokens == tokens(2)


async def test_B138_B142_O26_a_dead_holder_is_followed_and_its_token_tried_once_more(tmp_path: Path) -> None:
    async with nodes(tmp_path) as (issuer, (node,)):
        grant = await node.grant()
        store = node.database.provider_grants
        tag = node.grants.tag_of(grant)
        await store.begin(grant.record, spent=tag, holder="dead before it presented")
        result = await node.refreshed(grant)
        assert result is not None
        assert result.tokens == tokens(2)
        assert issuer.presented == ["rt-1"]


async def test_B138_a_holder_that_dies_after_a_beat_was_seen_is_followed_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with nodes(tmp_path) as (issuer, (node,)):
        grant = await node.grant()
        store, held = node.database.provider_grants, asyncio.Event()
        turn = await store.begin(grant.record, spent=node.grants.tag_of(grant), holder="slow, then dead")
        begin = store.begin

        async def seen(*given: Any, **facts: Any) -> Any:
            found = await begin(*given, **facts)
            held.set()
            return found

        monkeypatch.setattr(store, "begin", seen)
        flight = node.flight(grant)
        await held.wait()
        await node.database.locks.extend(turn.lease)
        result = await asyncio.wait_for(flight, 30)
        assert result is not None
        assert (result.tokens, issuer.presented) == (tokens(2), ["rt-1"])


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


async def test_a_store_that_is_down_before_means_nothing_is_presented(tmp_path: Path) -> None:
    async with nodes(tmp_path) as (issuer, (node,)):
        grant = await node.grant()
        with locked(tmp_path), pytest.raises(StoreUnavailable):
            await node.refreshed(grant)
        assert issuer.presented == []


async def test_B140_a_failure_that_another_node_met_while_this_one_waited_is_an_outage_here_too(
    tmp_path: Path,
) -> None:
    async with nodes(tmp_path, 2) as (issuer, (one, two)):
        issuer.gate.clear()
        grant = await one.grant()
        first = one.flight(grant, SESSION, resource="urn:x")
        await issuer.asked.wait()
        second = two.flight(grant, SESSION, resource="urn:x")
        await asyncio.sleep(3 * QUICK.look)
        issuer.fault = IssuerUnavailable("down")
        issuer.gate.set()
        results = await asyncio.gather(first, second, return_exceptions=True)
        assert [type(each) for each in results] == [IssuerUnavailable] * 2
        assert issuer.presented == ["rt-1"]


async def test_refreshes_for_several_resources_come_one_after_the_other(tmp_path: Path) -> None:
    async with nodes(tmp_path, 2) as (issuer, (one, two)):
        grant = await one.grant()
        wanted = ["urn:a", "urn:b", "urn:c"]
        flights = [
            node.flight(grant, SESSION, resource=resource) for node in (one, two) for resource in wanted
        ]
        await asyncio.gather(*map(asyncio.shield, flights))
        kept = (await one.grant()).tokens
        assert kept is not None
        assert len({kept.access(resource) for resource in wanted} - {None}) == 3
        assert sorted(issuer.presented) == ["rt-1", "rt-2", "rt-3"], "none was spent twice"


async def test_a_resource_that_is_refused_leaves_the_grant_as_it_was(tmp_path: Path) -> None:
    async with nodes(tmp_path) as (issuer, (node,)):
        issuer.fault = TokenRefused("no such resource")
        with pytest.raises(TokenRefused):
            await asyncio.shield(node.flight(await node.grant(), SESSION, resource="urn:x"))
        after = await node.grant()
        assert (after.tokens, after.record.dead, after.record.retry_at) == (tokens(1), "", 0)
        assert hand(tmp_path, "SELECT * FROM locks") == []


async def test_O25_nobody_waits_for_work_that_is_older_than_their_patience(tmp_path: Path) -> None:
    async with nodes(tmp_path) as (issuer, (node,)):
        issuer.gate.clear()
        grant = await node.grant()
        first = node.flight(grant)
        await issuer.asked.wait()
        with pytest.raises(IssuerUnavailable):
            await node.refreshes.refreshed(grant, SESSION, patience=0.0)
        issuer.gate.set()
        result = await first
        assert result is not None
        assert result.tokens == tokens(2)


async def test_O25_the_time_that_work_took_before_somebody_came_counts_for_them(tmp_path: Path) -> None:
    async with nodes(tmp_path) as (issuer, (node,)):
        issuer.gate.clear()
        grant = await node.grant()
        first = node.flight(grant)
        await issuer.asked.wait()
        node.ahead = PATIENCE + 1
        with pytest.raises(IssuerUnavailable, match="takes long"):
            await asyncio.wait_for(node.refreshed(grant), 30)
        issuer.gate.set()
        assert await first is not None


async def test_a_store_that_is_busy_for_a_moment_before_is_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with nodes(tmp_path) as (issuer, (node,)):
        grant, store = await node.grant(), node.database.provider_grants
        begin, busy = store.begin, [StoreUnavailable("busy")] * (ATTEMPTS - 1)

        async def begun(*given: Any, **facts: Any) -> Any:
            if busy:
                raise busy.pop()
            return await begin(*given, **facts)

        monkeypatch.setattr(store, "begin", begun)
        result = await node.refreshed(grant)
        assert result is not None
        assert (result.tokens, issuer.presented) == (tokens(2), ["rt-1"])


async def test_an_issuer_that_is_left_alone_is_asked_for_nobody(tmp_path: Path) -> None:
    async with nodes(tmp_path) as (issuer, (node,)):
        issuer.fault = IssuerUnavailable("down")
        sessions = [replace(SESSION, id=f"sid-{number}") for number in range(2, 8)]
        for each in sessions:
            await node.grants.keep(each, replace(tokens(1), refresh_token=f"rt-{each.id}"))
            grant = await node.grants.find(each)
            assert grant is not None
            with pytest.raises(IssuerUnavailable):
                await node.flight(grant, each)
        assert len(issuer.presented) == FAILURES


async def test_a_stop_waits_for_what_is_under_way_and_not_for_ever(tmp_path: Path) -> None:
    async with nodes(tmp_path) as (issuer, (node,)):
        issuer.gate.clear()
        waiting = node.flight(await node.grant())
        await issuer.asked.wait()
        await node.refreshes.close(within=0.0)
        await asyncio.wait([waiting])
        assert waiting.cancelled() or waiting.exception() is not None

"""What comes of a refresh token that is presented, and what of a presenter that dies."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.errors import GrantForeign, GrantRefused, IssuerUnavailable, RefreshUnverified
from tests.fakes.databases import hand, locked
from tests.fakes.refreshes import QUICK, SESSION, nodes, tokens


async def test_B142_a_token_whose_presenters_died_twice_is_not_presented_again(tmp_path: Path) -> None:
    async with nodes(tmp_path) as (issuer, (node,)):
        grant = await node.grant()
        store, tag = node.database.provider_grants, node.grants.tag_of(grant)
        first = await store.begin(grant.record, spent=tag, holder="dead")
        await store.begin(grant.record, spent=tag, holder="dead too", dead=first.lease)
        result = await node.refreshed(grant)
        assert result is not None
        assert (result.tokens, result.record.dead, issuer.presented) == (None, "interrupted", [])


async def test_B139_new_tokens_are_heard_of_once_they_are_written_and_once(tmp_path: Path) -> None:
    async with nodes(tmp_path) as (_issuer, (node,)):
        grant = await node.grant()
        for _ in range(2):
            result = await node.refreshed(grant)
            assert result is not None
        [(before, new)] = node.written
        assert (before.tokens, new) == (tokens(1), tokens(2))
        assert (await node.grant()).tokens == new


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
            record, spent=slow.grants.tag_of(grant), holder="hangs"
        )
        second = fast.flight(grant, SESSION)
        await issuer.asked.wait()
        issuer.fault = GrantRefused("reused")
        won = slow.grants.replaced(grant, tokens(9))
        assert await slow.database.provider_grants.finish(won, first.lease)
        issuer.gate.set()
        result = await second
        assert result is not None
        assert result.tokens == tokens(9)
        assert (fast.counted, fast.written) == (["overtaken"], [])


@pytest.mark.parametrize("comes", [True, False])
async def test_B137_a_refusal_of_a_token_that_another_presented_is_doubted_for_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, comes: bool
) -> None:
    async with nodes(tmp_path) as (issuer, (node,)):
        grant, store, sleep = await node.grant(), node.database.provider_grants, asyncio.sleep
        tag = node.grants.tag_of(grant)
        slow = await store.begin(grant.record, spent=tag, holder="slow, and taken for dead")
        ours = await store.begin(grant.record, spent=tag, holder="ours", dead=slow.lease)
        issuer.presented.append("rt-1")  # by the slow one
        doubts: list[float] = []

        async def slept(seconds: float) -> None:
            if seconds != QUICK.doubt:
                await sleep(seconds)
                return
            doubts.append(seconds)
            if comes:
                assert await store.finish(node.grants.replaced(grant, tokens(9)), slow.lease)

        monkeypatch.setattr("gateway.flows.presentation.asyncio.sleep", slept)
        assert ours.record is not None
        found = node.grants.opened(ours.record)
        assert found is not None
        result = await node.presentations.present(found, ours.lease, SESSION, None)
        assert result is not None
        assert (result.tokens, len(doubts)) == (tokens(9) if comes else None, 1)
        assert node.counted == ["overtaken" if comes else "refused"]


async def test_B137_a_refusal_of_a_token_that_nobody_else_presented_is_believed_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with nodes(tmp_path) as (issuer, (node,)):
        grant, sleep, doubts = await node.grant(), asyncio.sleep, []
        issuer.fault = GrantRefused("no")

        async def slept(seconds: float) -> None:
            if seconds == QUICK.doubt:
                doubts.append(seconds)
            await sleep(seconds)

        monkeypatch.setattr("gateway.flows.presentation.asyncio.sleep", slept)
        result = await node.refreshed(grant)
        assert result is not None
        assert (result.tokens, doubts) == (None, [])


async def test_B140_an_outage_is_remembered_for_every_node(tmp_path: Path) -> None:
    async with nodes(tmp_path) as (issuer, (node,)):
        issuer.fault = IssuerUnavailable("down")
        with pytest.raises(IssuerUnavailable):
            await node.refreshed(await node.grant())
        after = await node.grant()
        assert after.tokens == tokens(1)
        assert after.record.retry_at > 0
        assert (node.counted, node.told) == (["outage"], ["tokens.refresh_failed"])
        assert node.written == []
        issuer.fault, issuer.presented = None, []
        result = await node.refreshed(after)
        assert result is not None
        assert result.tokens == tokens(2)


async def test_B136_of_a_refresh_that_cannot_be_verified_yet_only_the_refresh_token_is_kept(
    tmp_path: Path,
) -> None:
    async with nodes(tmp_path) as (issuer, (node,)):
        issuer.fault = RefreshUnverified("its JWKS answered 503", refresh_token="rt-2")
        first = await node.grant()
        with pytest.raises(IssuerUnavailable):
            await node.refreshed(first)
        after = await node.grant()
        assert after.tokens == replace(tokens(1), refresh_token="rt-2")
        assert after.record.retry_at > 0
        assert (node.counted, node.told, node.written) == (["outage"], ["tokens.refresh_failed"], [])
        issuer.fault = None
        result = await node.refreshed(after)
        assert result is not None
        assert result.tokens == tokens(3)
        assert issuer.presented == ["rt-1", "rt-2"]


async def test_B117_a_refresh_token_that_cannot_be_kept_is_given_back(tmp_path: Path) -> None:
    async with nodes(tmp_path) as (issuer, (node,)):
        issuer.gate.clear()
        issuer.fault = RefreshUnverified("its JWKS answered 503", refresh_token="rt-2")
        grant = await node.grant()
        flight = node.flight(grant)
        await issuer.asked.wait()
        await node.database.provider_grants.forget(grant.record.key)
        issuer.gate.set()
        with pytest.raises(IssuerUnavailable):
            await flight
        assert issuer.revoked == [replace(tokens(1), refresh_token="rt-2")]


async def test_B143_O28_foreign_tokens_end_the_session_and_nothing_of_them_is_kept(tmp_path: Path) -> None:
    async with nodes(tmp_path) as (issuer, (node,)):
        issuer.fault = GrantForeign("about somebody else")
        result = await node.refreshed(await node.grant())
        assert result is not None
        assert (result.tokens, result.record.dead) == (None, "foreign")
        assert node.ended == [SESSION]
        assert [each.reason for each in node.events] == ["foreign"]


async def test_D14_what_an_issuer_gave_is_written_though_the_store_is_away_for_a_while(
    tmp_path: Path,
) -> None:
    async with nodes(tmp_path) as (issuer, (node,)):
        issuer.gate.clear()
        flight = node.flight(await node.grant(), SESSION)
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
        flight = node.flight(await node.grant(), SESSION)
        await issuer.asked.wait()
        assert await node.database.provider_grants.take_ended(begun_after=0, most=1)
        issuer.gate.set()
        assert await flight is None
        assert issuer.revoked == [tokens(2)]

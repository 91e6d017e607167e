"""Grants sealed for one row and column."""

from dataclasses import replace

import msgspec
import pytest

from gateway.flows.grants import BookWithGrants, Grant, Grants
from gateway.keys.keyring import KeyRing
from gateway.model.grant import GrantRecord, ProviderTokens, Token
from gateway.model.session import session_key
from tests.fakes.logins import ANN, session_of
from tests.fakes.memory_grants import MemoryGrants

TOKENS = ProviderTokens(
    access_token=Token(value="at-1", received_at=100, expires_at=400),
    id_token=Token(value="idt-1", received_at=100, expires_at=700),
    refresh_token="rt-1",
    nonce="n-1",
)
SESSION = session_of("u-1", authenticated_at=100)


def grants(secret: bytes = b"s" * 32) -> tuple[Grants, MemoryGrants]:
    ring, store = KeyRing([secret], scope="https://gate.example.com"), MemoryGrants()
    sealer = ring.sealer("provider-tokens", longest=256 * 1024)
    return Grants(store, sealer=sealer, mac=ring.mac("refresh-token")), store


async def test_a_grant_is_kept_for_its_session_and_found_whole() -> None:
    kept, store = grants()
    await kept.keep(SESSION, TOKENS)
    found = await kept.find(SESSION)
    assert found is not None
    assert found.tokens == TOKENS
    assert found.record == store.records[session_key(SESSION.id)]
    assert await kept.find(session_of("u-1", authenticated_at=100, session_id="sid-2")) is None


async def test_B044_a_sealed_grant_opens_in_its_own_row_and_column_alone() -> None:
    kept, store = grants()
    await kept.keep(SESSION, TOKENS)
    (record,) = store.records.values()
    assert kept.opened(replace(record, key=b"x" * 32)) is None
    grant = Grant(record=record, tokens=TOKENS)
    tag = kept.tag_of(grant)
    outcome = kept.sealed_outcome(tag, TOKENS)
    assert kept.opened(replace(record, sealed=outcome)) is None
    assert kept.with_outcome(record, tag, outcome).tokens == TOKENS
    assert kept.with_outcome(record, b"u" * 32, outcome).tokens is None
    assert kept.with_outcome(record, tag, record.sealed).tokens is None


async def test_B133_what_a_newer_release_sealed_does_not_open() -> None:
    kept, store = grants()
    await kept.keep(SESSION, TOKENS)
    (record,) = store.records.values()
    sealer = KeyRing([b"s" * 32], scope="https://gate.example.com").sealer("provider-tokens")
    row = b"provider_grants.sealed\0" + record.key
    for content in ([1, None], [2, None], [2, None, "more"], [1, {"access_token": 7}], {"form": 1}):
        sealed = sealer.seal(msgspec.msgpack.encode(content), bound=row)
        opens = kept.opened(replace(record, sealed=sealed)) is not None
        assert opens is (content == [1, None])


async def test_B130_under_a_retired_key_there_is_no_grant() -> None:
    kept, store = grants()
    await kept.keep(SESSION, TOKENS)
    other, elsewhere = grants(b"o" * 32)
    elsewhere.records = store.records
    assert await other.find(SESSION) is None


async def test_B127_tokens_of_16_KiB_each_can_be_kept() -> None:
    kept, _ = grants()
    long = Token(value="x" * 16384, received_at=0)
    tokens = ProviderTokens(access_token=long, id_token=long, refresh_token="x" * 16384)
    await kept.keep(SESSION, tokens)
    found = await kept.find(SESSION)
    assert found is not None
    assert found.tokens == tokens


def test_a_dead_grant_has_no_tokens() -> None:
    kept, _ = grants()
    record = GrantRecord(
        key=b"k" * 32,
        user_id="u",
        provider="p",
        issuer="i",
        subject="s",
        sealed="",
        ends_at=1,
        dead="refused",
    )
    assert kept.opened(record) == Grant(record=record, tokens=None)


@pytest.mark.parametrize("tokens", [TOKENS, None])
async def test_a_login_is_recorded_first_and_then_its_tokens_are_kept(tokens: ProviderTokens | None) -> None:
    kept, store = grants()
    begun: list[str] = []

    class Book:
        async def begin(self, session: object, *_: object, replaced: object) -> tuple[bytes, ...]:
            assert (store.records, replaced) == ({}, None)
            begun.append(SESSION.id)
            return (b"older",)

    book = BookWithGrants(Book(), kept)
    ended = await book.begin(SESSION, replace(ANN, tokens=tokens), None, replaced=None)  # type: ignore[arg-type]
    assert (begun, ended) == ([SESSION.id], (b"older",))
    assert len(store.records) == (1 if tokens else 0)

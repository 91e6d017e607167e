"""Exchanged tokens: one call for all who want the same, none for a while after a failure."""

import asyncio
from dataclasses import replace

import pytest

from gateway.errors import IssuerUnavailable, TokenRefused
from gateway.flows import exchange
from gateway.flows.exchange import PAUSE, Exchanges
from gateway.flows.places import AT_ONCE, Places
from gateway.model.grant import Token
from tests.fakes.clock import FakeClock
from tests.fakes.logins import session_of

SESSION = session_of("u-1", authenticated_at=100)
SUBJECT = Token(value="at", received_at=0)


class Issuer:
    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.asked: list[tuple[str, str, str | None]] = []
        self.fault: Exception | None = None
        self.lifetime: int | None = 300
        self.gate = asyncio.Event()
        self.gate.set()

    async def exchange(self, subject: Token, *, audience: str, resource: str | None) -> Token:
        self.asked.append((subject.value, audience, resource))
        await self.gate.wait()
        if self.fault is not None:
            raise self.fault
        now = int(self.clock())
        end = None if self.lifetime is None else now + self.lifetime
        return Token(value=f"{audience}-{len(self.asked)}", received_at=now, expires_at=end)


class Node:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.issuer = Issuer(self.clock)
        self.counted: list[str] = []
        self.told: list[str] = []
        self.exchanges = Exchanges(
            {"corp": self.issuer},
            places=Places(["corp"], monotonic=self.clock),
            clock=self.clock,
            counts=self,
            tell=lambda _level, name, _facts: self.told.append(name),
        )

    def token_exchange(self, *, provider: str, outcome: str) -> None:
        assert provider == "corp"
        self.counted.append(outcome)

    async def value(
        self, audience: str = "api", *, session_id: str = "sid-1", resource: str | None = None
    ) -> str:
        session = replace(SESSION, id=session_id)
        token = await self.exchanges.token(session, SUBJECT, audience=audience, resource=resource)
        return token.value


async def test_requests_that_want_the_same_share_one_call() -> None:
    node = Node()
    node.issuer.gate.clear()
    waiting = [asyncio.create_task(node.value()) for _ in range(10)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    node.issuer.gate.set()
    assert await asyncio.gather(*waiting[1:]) == ["api-1"] * 9
    assert node.issuer.asked == [("at", "api", None)]
    assert await node.value() == "api-1"


async def test_no_session_audience_or_resource_gets_the_token_of_another() -> None:
    node = Node()
    values = [
        await node.value(),
        await node.value("other"),
        await node.value(session_id="sid-2"),
        await node.value(resource="urn:x"),
    ]
    assert values == ["api-1", "other-2", "api-3", "api-4"]


async def test_a_token_is_exchanged_for_anew_before_it_ends() -> None:
    node = Node()
    await node.value()
    node.clock.advance(239)
    assert await node.value() == "api-1"
    node.clock.advance(1)
    assert await node.value() == "api-2"


async def test_a_token_whose_end_is_unknown_is_used_for_an_hour() -> None:
    node = Node()
    node.issuer.lifetime = None
    await node.value()
    node.clock.advance(3599)
    assert await node.value() == "api-1"
    node.clock.advance(1)
    assert await node.value() == "api-2"


@pytest.mark.parametrize("fault", [TokenRefused, IssuerUnavailable])
async def test_a_failure_is_remembered_for_a_while(
    fault: type[TokenRefused] | type[IssuerUnavailable],
) -> None:
    node = Node()
    node.issuer.fault = fault("no")
    for _ in range(3):
        with pytest.raises(fault):
            await node.value()
    assert len(node.issuer.asked) == 1
    assert node.told == ["tokens.exchange_failed"]
    node.issuer.fault = None
    node.clock.advance(PAUSE)
    assert await node.value() == "api-2"


async def test_B140_while_a_token_lives_an_issuer_that_is_down_is_not_seen() -> None:
    node = Node()
    await node.value()
    node.issuer.fault = IssuerUnavailable("down")
    node.clock.advance(299)
    assert await node.value() == "api-1"
    node.clock.advance(1)
    with pytest.raises(IssuerUnavailable):
        await node.value()
    assert node.counted == ["exchanged", "outage", "outage"]


async def test_a_refusal_takes_the_token_that_was_held() -> None:
    node = Node()
    await node.value()
    node.issuer.fault = TokenRefused("no")
    node.clock.advance(250)
    for _ in range(2):
        with pytest.raises(TokenRefused):
            await node.value()
    assert len(node.issuer.asked) == 2


async def test_what_is_held_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "MOST", 2)
    node = Node()
    for session_id in ("sid-1", "sid-2", "sid-3", "sid-2", "sid-1"):
        await node.value(session_id=session_id)
    assert len(node.issuer.asked) == 4


async def test_closing_waits_for_what_is_under_way() -> None:
    node = Node()
    node.issuer.gate.clear()
    waiting = asyncio.create_task(node.value())
    await asyncio.sleep(0)
    closing = asyncio.create_task(node.exchanges.close())
    await asyncio.sleep(0)
    assert not closing.done()
    node.issuer.gate.set()
    await closing
    assert await waiting == "api-1"


async def test_O23_exchanges_take_places_at_their_issuer_like_other_calls() -> None:
    node = Node()
    node.issuer.gate.clear()
    waiting = [asyncio.create_task(node.value(f"api-{number}")) for number in range(2 * AT_ONCE)]
    for _ in range(20):
        await asyncio.sleep(0)
    assert len(node.issuer.asked) == AT_ONCE
    node.issuer.gate.set()
    assert len(set(await asyncio.gather(*waiting))) == 2 * AT_ONCE

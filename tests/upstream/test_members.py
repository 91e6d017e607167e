import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass

import pytest
from msgspec.structs import replace

from gateway.errors import UpstreamBroken, UpstreamTimeout, UpstreamUnreachable
from gateway.model.upstream import Balance, Health, Limits, Timeouts, Upstream
from gateway.model.upstream import Member as Place
from gateway.upstream.answer_head import AnswerHeads
from gateway.upstream.health import FAILURES, LEFT_OUT
from gateway.upstream.members import Members
from gateway.upstream.outbound import Outbound
from gateway.upstream.reserved import Reserved
from tests.fakes.dressing import asking
from tests.fakes.members import Heard, Monotonic
from tests.fakes.ports import free_port
from tests.fakes.upstream import RecordingUpstream, ok

IN_TURN = Balance.ROUND_ROBIN


@dataclass
class Pair:
    """Two apps that listen, and what leads to them."""

    ups: list[RecordingUpstream]
    members: Members
    heard: Heard
    time: Monotonic

    @property
    def counts(self) -> list[int]:
        return [len(up.requests) for up in self.ups]

    def both(self, fault: str) -> None:
        for up in self.ups:
            up.fault = fault

    async def heard_of(self, changes: int) -> None:
        async with asyncio.timeout(10):
            while len(self.heard.told) < changes:
                await asyncio.sleep(0.001)


@asynccontextmanager
async def two(*, dead: int = 0, **facts: object) -> AsyncIterator[Pair]:
    """Two members that answer, behind *dead* ones where nobody listens."""
    async with AsyncExitStack() as stack:
        ups = [await stack.enter_async_context(RecordingUpstream()) for _ in range(2)]
        ports = [*(free_port() for _ in range(dead)), *(up.port for up in ups)]
        places = tuple(Place(host="127.0.0.1", port=port) for port in ports)
        upstream = Upstream(**{"name": "app", "audience": "app", "members": places, **facts})  # type: ignore[arg-type]
        heard, time = Heard(), Monotonic()
        heads = AnswerHeads(Reserved(()).answers)
        members = Members(upstream, heads=heads, monotonic=time, heard=heard)
        try:
            yield Pair(ups=ups, members=members, heard=heard, time=time)
        finally:
            await members.close()


async def ask(members: Members, outbound: Outbound | None = None) -> bytes:
    async with members.send(outbound or asking()) as answer:
        return answer.whole() or b""


@pytest.mark.parametrize("balance", [IN_TURN, Balance.LEAST_REQUESTS])
async def test_members_share_the_load(balance: Balance) -> None:
    async with two(balance=balance) as of:
        for _ in range(20):
            assert await ask(of.members) == b"hello"
        assert of.counts == [10, 10]


async def test_one_user_stays_at_one_member() -> None:
    async with two(balance=Balance.HASH_USER) as of:
        for user in ("ann", "bob", "cy", "dee", "eve", "fay"):
            before = of.counts
            for _ in range(3):
                await ask(of.members, replace(asking(), affinity=user))
            grown = Counter(now - then for now, then in zip(of.counts, before, strict=True))
            assert grown == {0: 1, 3: 1}


async def test_an_idle_connection_of_the_chosen_member_is_taken() -> None:
    async with two(balance=IN_TURN) as of:
        assert of.members.idle(asking()) is None
        for _ in range(4):
            await ask(of.members)
        first, second = of.members.idle(asking()), of.members.idle(asking())
        assert first is not None
        assert second is not None
        assert first is not second


async def test_a_member_without_idle_connections_keeps_its_turn() -> None:
    async with two(balance=IN_TURN) as of:
        for _ in range(20):
            if of.members.idle(asking()) is None:
                await ask(of.members)
        assert min(of.counts) > 0


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_what_was_surely_not_sent_goes_to_the_next(method: str) -> None:
    async with two(dead=2, balance=IN_TURN) as of:
        for _ in range(8):
            assert await ask(of.members, asking(method)) == b"hello"
        assert sum(of.counts) == 8


async def test_where_nobody_listens_it_is_unreachable() -> None:
    places = tuple(Place(host="127.0.0.1", port=free_port()) for _ in range(2))
    upstream = Upstream(name="app", audience="app", members=places)
    heads = AnswerHeads(Reserved(()).answers)
    members = Members(upstream, heads=heads, monotonic=Monotonic(), heard=Heard())
    with pytest.raises(UpstreamUnreachable):
        await ask(members)
    await members.close()


async def test_H43_what_may_have_been_received_is_repeated_once_where_it_does_nothing_new() -> None:
    async with two(balance=IN_TURN) as of:
        of.both("no answer")
        with pytest.raises(UpstreamBroken):
            await ask(of.members)
        assert sum(of.counts) == 2
        with pytest.raises(UpstreamBroken):
            await ask(of.members, asking("POST"))
        assert sum(of.counts) == 3


async def test_a_repetition_goes_to_another_member() -> None:
    async with two(balance=IN_TURN) as of:
        of.ups[0].fault = "no answer"
        for _ in range(4):
            assert await ask(of.members) == b"hello"
        assert of.counts[1] == 4


@pytest.mark.parametrize("killed", [True, False])
async def test_what_a_dead_connection_did_not_carry_goes_to_another_member(killed: bool) -> None:
    async with two(balance=IN_TURN) as of:
        for _ in range(4):
            await ask(of.members)
        before = of.counts
        of.ups[0].fault = "no answer"
        if killed:
            of.ups[0].stop_listening()
        for _ in range(4):
            assert await ask(of.members) == b"hello"
        assert of.counts[1] == before[1] + 4


async def test_a_flood_of_dead_connections_costs_nothing_of_the_budget() -> None:
    async with two(balance=IN_TURN, limits=Limits(connections=50)) as of:
        of.both("late")
        running = [asyncio.create_task(ask(of.members)) for _ in range(60)]
        while sum(of.counts) < 60:
            await asyncio.sleep(0.001)
        for up in of.ups:
            up.release.set()
        await asyncio.gather(*running)
        of.both("")
        of.ups[0].fault = "no answer"
        answers = await asyncio.gather(*(ask(of.members) for _ in range(60)), return_exceptions=True)
        assert answers == [b"hello"] * 60


async def test_repetitions_are_a_fifth_of_all_requests_at_most() -> None:
    async with two(balance=IN_TURN) as of:
        of.both("no answer")
        for _ in range(100):
            with pytest.raises(UpstreamBroken):
                await ask(of.members)
        assert 100 < sum(of.counts) <= 100 + 10 + 20


async def test_what_the_fast_lane_asked_for_in_vain_counts_once_towards_repetitions() -> None:
    async with two(balance=IN_TURN) as of:
        of.both("no answer")
        for _ in range(100):
            assert of.members.idle(asking()) is None
            with pytest.raises(UpstreamBroken):
                await ask(of.members)
        assert 100 < sum(of.counts) <= 100 + 10 + 20


async def test_a_silent_member_is_not_followed_by_another() -> None:
    async with two(balance=IN_TURN, timeouts=Timeouts(first_byte=0.05)) as of:
        of.both("silent")
        with pytest.raises(UpstreamTimeout):
            await ask(of.members)
        assert sum(of.counts) == 1


async def test_U08_a_member_that_fails_is_left_out_until_its_time_is_over() -> None:
    async with two(dead=1, balance=IN_TURN) as of:
        for _ in range(4 * FAILURES):
            await ask(of.members)
        assert len(of.heard.told) == 1
        of.time.now += LEFT_OUT + 1
        for _ in range(4 * FAILURES):
            assert await ask(of.members) == b"hello"
        assert [told.partition(" ")[2] for told in of.heard.told] == ["gone: failures"] * 2


async def test_no_more_than_half_are_left_out() -> None:
    async with two(dead=4) as of:
        for _ in range(100):
            assert await ask(of.members) == b"hello"
        assert len(of.heard.told) == 3


async def test_an_ill_member_gets_nothing_and_where_all_are_ill_nobody_does() -> None:
    ill_answer = b"HTTP/1.1 503 Ill\r\nContent-Length: 0\r\n\r\n"
    async with two(health=Health(path="/up", interval=0.001, timeout=1.0), balance=IN_TURN) as of:
        one, other = of.ups
        one.answer_with(ill_answer)
        await of.heard_of(1)
        for _ in range(6):
            assert await ask(of.members) == b"hello"
        assert not any(request.startswith(b"GET / ") for request in one.requests)
        other.answer_with(ill_answer)
        await of.heard_of(2)
        with pytest.raises(UpstreamUnreachable):
            await ask(of.members)
        one.answer_with(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nback")
        await of.heard_of(3)
        assert await ask(of.members) == b"back"


async def test_a_member_that_is_full_is_passed_by() -> None:
    async with two(balance=IN_TURN, limits=Limits(connections=1, queue=0)) as of:
        of.both("late")
        running = asyncio.create_task(ask(of.members))
        while not sum(of.counts):
            await asyncio.sleep(0.001)
        of.both("")
        for _ in range(4):
            assert await ask(of.members) == b"hello"
        assert sorted(of.counts) == [1, 4]
        for up in of.ups:
            up.release.set()
        assert await running == b"hello"


class Sickly:
    """An app that says it is well when it is asked at `/up`, and leaves every other request unanswered: it
    hangs up, or where it `holds`, never says anything."""

    def __init__(self, *, holds: bool = False) -> None:
        self.holds = holds
        self.asked = self.others = 0

    async def __aenter__(self) -> "Sickly":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.place = Place(host="127.0.0.1", port=self._server.sockets[0].getsockname()[1])
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError):
            while (await reader.readuntil(b"\r\n\r\n")).startswith(b"GET /up "):
                self.asked += 1
                writer.write(ok(b"fine"))
            self.others += 1
            if self.holds:
                await reader.read()
        writer.close()

    async def asked_anew(self) -> None:
        """Wait until it was asked, and its answer heard, since now."""
        before = self.asked
        async with asyncio.timeout(10):
            while self.asked < before + 2:
                await asyncio.sleep(0.001)

    def beside(self, other: Place, heard: Heard, **facts: object) -> Members:
        health = Health(path="/up", interval=0.001, timeout=5.0)
        members = (self.place, other)
        upstream = Upstream(name="app", audience="app", members=members, health=health, **facts)  # type: ignore[arg-type]
        heads = AnswerHeads(Reserved(()).answers)
        return Members(upstream, heads=heads, monotonic=Monotonic(), heard=heard)


async def test_a_member_that_is_full_is_not_ill() -> None:
    heard = Heard()
    nobody = Place(host="127.0.0.1", port=free_port())
    async with Sickly(holds=True) as app:
        members = app.beside(nobody, heard, limits=Limits(connections=1), timeouts=Timeouts(connect=0.01))
        await app.asked_anew()
        running = asyncio.create_task(ask(members, asking("POST")))
        while not app.others:
            await asyncio.sleep(0.001)
        await app.asked_anew()
        assert heard.told == [f"{nobody.url} gone: health"]
        running.cancel()
        await asyncio.wait((running,))
        await members.close()


async def test_U08_that_a_member_says_it_is_well_does_not_make_up_for_failed_requests() -> None:
    heard = Heard()
    nobody = Place(host="127.0.0.1", port=free_port())
    async with Sickly() as app:
        members = app.beside(nobody, heard)
        for _ in range(FAILURES):
            await app.asked_anew()
            with pytest.raises(UpstreamBroken):
                await ask(members, asking("POST"))
        assert heard.told == [f"{nobody.url} gone: health", f"{app.place.url} gone: failures"]
        await members.close()

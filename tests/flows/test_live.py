"""What lasts is asked about again every moment, once a session, and closed where it would be refused."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from gateway.errors import IssuerUnavailable, SessionRejected, StoreUnavailable, Unavailable
from gateway.flows.live import Live, Stay
from gateway.model.event import AuditEvent
from gateway.model.proof import Demand
from gateway.model.route import Access, Rules
from gateway.model.session import Session
from tests.fakes.routes import route
from tests.fakes.sessions import Node

SESSION = Node().sign_in()
OTHER = replace(SESSION, id="another")
SOON = 0.01


@dataclass
class Strategy:
    """Says of every session what it was told to, and counts how often it is asked."""

    verdict: Exception | None = None
    roles: tuple[str, ...] = ("admin",)
    asked: list[tuple[Session, bool]] = field(default_factory=list)

    async def recheck(self, session: Session, *, asks_for_roles: bool) -> Session:
        self.asked.append((session, asks_for_roles))
        if self.verdict is not None:
            raise self.verdict
        return replace(session, identity=replace(session.identity, roles=self.roles))


@dataclass
class Watch:
    """A `Live` over a told strategy, on a clock that moves by hand."""

    strategy: Strategy = field(default_factory=Strategy)
    now: float = 1000.0
    told: list[AuditEvent] = field(default_factory=list)
    ended: dict[Stay, str] = field(default_factory=dict)
    most: int = 10

    def __post_init__(self) -> None:
        self.live = Live(
            self.strategy,  # type: ignore[arg-type]
            clock=lambda: self.now,
            monotonic=lambda: self.now,
            audit=self.told.append,
            every=SOON,
            patience=30.0,
            most=self.most,
        )

    def stay(self, session: Session = SESSION, **facts: Any) -> Stay:
        def end(why: str) -> None:
            self.ended[stay] = why

        stay = Stay(
            route=route("/live", **facts),
            session=session,
            method="GET",
            client_ip="192.0.2.1",
            request_id="r-1",
            end=end,
        )
        return stay

    @contextmanager
    def over(self, stay: Stay) -> Iterator[None]:
        """Watch over *stay* from the block's beginning to its end."""
        self.live.enter(stay)
        try:
            yield
        finally:
            self.live.leave(stay)

    async def looked(self, times: int = 2) -> None:
        """Return once each session was asked about *times* more often."""
        wanted = len(self.strategy.asked) + times
        async with asyncio.timeout(5):
            while len(self.strategy.asked) < wanted:
                await asyncio.sleep(SOON / 2)


async def test_B056_what_may_go_on_goes_on() -> None:
    watch = Watch()
    with watch.over(watch.stay()):
        await watch.looked(3)
        assert (len(watch.live), watch.ended) == (1, {})
    assert len(watch.live) == 0
    await watch.live.close()


@pytest.mark.parametrize("reason", ["revoked", "absolute", "idle", "user_disabled"])
async def test_B056_a_session_that_is_refused_takes_all_of_its_own_along(reason: str) -> None:
    watch = Watch()
    stays = [watch.stay(), watch.stay()]
    with watch.over(stays[0]), watch.over(stays[1]):
        await watch.looked(1)
        watch.strategy.verdict = SessionRejected(reason)
        await watch.looked(1)
        assert watch.ended == {stays[0]: reason, stays[1]: reason}
        assert len(watch.live) == 0
    assert [(each.name, each.reason, each.route, each.request_id) for each in watch.told] == [
        ("session.cut", reason, "/live", "r-1")
    ] * 2
    assert SESSION.id not in watch.told[0].session_id
    await watch.live.close()


async def test_B056_a_role_that_is_lost_closes_only_what_it_opened() -> None:
    watch = Watch()
    admins = Rules(roles=frozenset({"admin"}))
    strict, open_to_all = watch.stay(allow=admins, asks_for_roles=True), watch.stay()
    with watch.over(open_to_all):
        await watch.looked(1)
        assert watch.strategy.asked[-1][1] is False
        with watch.over(strict):
            await watch.looked(1)
            assert watch.strategy.asked[-1][1] is True
            watch.strategy.roles = ()
            await watch.looked(1)
            assert watch.ended == {strict: "roles"}
    await watch.live.close()


async def test_a_session_is_asked_about_once_however_much_it_opened() -> None:
    watch = Watch()
    stays = [watch.stay() for _ in range(5)] + [watch.stay(OTHER)]
    with ExitStack() as all_of_them:
        for stay in stays:
            all_of_them.enter_context(watch.over(stay))
        await watch.looked(4)
    asked = [session.id for session, _ in watch.strategy.asked]
    assert abs(asked.count(SESSION.id) - asked.count(OTHER.id)) <= 1
    await watch.live.close()


@pytest.mark.parametrize("outage", [StoreUnavailable, IssuerUnavailable])
async def test_B056_an_outage_closes_nothing_until_it_has_lasted_30_s(outage: type[Unavailable]) -> None:
    watch = Watch(strategy=Strategy(verdict=outage("down")))
    stay = watch.stay()
    with watch.over(stay):
        await watch.looked(2)
        watch.now += 29
        await watch.looked(2)
        assert watch.ended == {}
        watch.strategy.verdict = None
        await watch.looked(2)
        watch.strategy.verdict = outage("down again")
        watch.now += 29
        await watch.looked(2)
        assert watch.ended == {}
        watch.now += 30
        await watch.looked(1)
        assert watch.ended == {stay: outage.code}
    await watch.live.close()


async def test_what_nobody_foresaw_closes_and_the_others_are_watched_all_the_same() -> None:
    watch = Watch(strategy=Strategy(verdict=RuntimeError("a fault")))
    stay, later = watch.stay(), watch.stay(OTHER, access=Access.OPTIONAL)
    with watch.over(stay):
        await watch.looked(1)
        assert watch.ended == {stay: "internal_error"}
        watch.strategy.verdict = None
        with watch.over(later):
            await watch.looked(2)
            assert later not in watch.ended
    await watch.live.close()


async def test_an_answer_that_is_over_soon_is_never_asked_about() -> None:
    watch = Watch()
    with watch.live.lasting(watch.stay()):
        assert len(watch.live) == 0
    await asyncio.sleep(SOON * 3)
    assert watch.strategy.asked == []
    with watch.live.lasting(watch.stay()):
        await watch.looked(1)
    await watch.live.close()


async def test_beyond_the_bound_what_would_be_one_more_is_closed() -> None:
    watch = Watch(most=1)
    first, second = watch.stay(), watch.stay(OTHER)
    with watch.over(first):
        with watch.over(second):
            assert watch.ended == {second: "too_many"}
        with watch.over(second):
            assert len(watch.live) == 1
    await watch.live.close()


async def test_who_leaves_is_not_looked_for_among_all_others_of_the_session() -> None:
    compared: list[Stay] = []

    class Compared(Stay):
        def __eq__(self, other: object) -> bool:
            compared.append(self)
            return self is other

        __hash__ = Stay.__hash__

    watch = Watch()
    plain = watch.stay()
    facts = {name: getattr(plain, name) for name in Stay.__dataclass_fields__}
    stays = [Compared(**facts) for _ in range(50)]
    for stay in stays:
        watch.live.enter(stay)
    for stay in reversed(stays):
        watch.live.leave(stay)
    watch.live.leave(plain)
    assert (len(watch.live), compared) == (0, [])
    await watch.live.close()


async def test_a_session_renewed_elsewhere_is_gone_by_from_then_on() -> None:
    watch = Watch()
    renewed = replace(SESSION, token_id="new", lease_until=SESSION.lease_until + 600)
    with watch.over(watch.stay()):
        watch.live.renewed(renewed)
        watch.live.renewed(OTHER)
        await watch.looked(1)
        assert watch.strategy.asked[-1][0] is renewed
        with watch.over(watch.stay(SESSION)):
            await watch.looked(1)
            assert watch.strategy.asked[-1][0] is renewed
    await watch.live.close()


async def test_nothing_runs_where_nothing_lasts() -> None:
    watch = Watch()
    before = asyncio.all_tasks()
    with watch.over(watch.stay()):
        assert len(asyncio.all_tasks()) == len(before) + 1
    async with asyncio.timeout(5):
        while asyncio.all_tasks() != before:
            await asyncio.sleep(SOON)
    await watch.live.close()
    await watch.live.close()


async def test_B056_one_that_cannot_be_closed_leaves_no_other_unwatched() -> None:
    def stuck(why: str) -> None:
        raise RuntimeError(why)

    watch = Watch()
    admins = Rules(roles=frozenset({"admin"}))
    one, other = replace(watch.stay(allow=admins), end=stuck), watch.stay(OTHER)
    with watch.over(one), watch.over(other):
        await watch.looked(2)
        watch.strategy.roles = ()
        async with asyncio.timeout(5):
            while len(watch.live) == 2:
                await asyncio.sleep(SOON / 2)
        watch.strategy.verdict = SessionRejected("revoked")
        async with asyncio.timeout(5):
            while other not in watch.ended:
                await asyncio.sleep(SOON / 2)
    await watch.live.close()


async def test_B056_B073_what_was_let_in_ends_when_its_proof_is_too_old() -> None:
    watch = Watch()
    proved = replace(SESSION, proved_at=int(watch.now))
    stay = watch.stay(proved, demand=Demand(max_age=60))
    with watch.over(stay):
        await watch.looked(2)
        assert watch.ended == {}
        watch.now += 91
        await watch.looked(1)
        assert watch.ended == {stay: "max_auth_age"}
    await watch.live.close()


async def test_B130_what_no_longer_opens_is_closed_when_another_takes_over_and_later() -> None:
    watch = Watch()
    old, late, other = watch.stay(), watch.stay(), watch.stay(OTHER)
    with ExitStack() as lasting:
        for stay in (old, other):
            lasting.enter_context(watch.over(stay))
        told = Strategy()
        watch.live.go_by(told, opens=lambda stay: stay is other)  # type: ignore[arg-type]
        lasting.enter_context(watch.over(late))
        assert watch.ended == {old: "invalid", late: "invalid"}
        before = len(watch.strategy.asked)
        async with asyncio.timeout(5):
            while not told.asked:
                await asyncio.sleep(SOON)
        assert len(watch.strategy.asked) == before
        assert len(watch.live) == 1
    await watch.live.close()

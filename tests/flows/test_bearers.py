"""Who calls with a token: known again by its hash, never past its end, and as the database says."""

import asyncio
from dataclasses import dataclass, field, replace

import pytest

from gateway.errors import (
    AccessDenied,
    BearerRefused,
    IssuerUnavailable,
    ScopeMissing,
    SessionRejected,
    StoreUnavailable,
)
from gateway.flows.bearers import PAUSE, Bearers
from gateway.flows.credentials import fingerprint
from gateway.model.bearer import HELD, Bearer, Callers, Trusted
from gateway.model.event import AuditEvent
from gateway.model.identity import VerifiedLogin
from gateway.model.session import Session, Standing
from tests.fakes.clock import FakeClock

ISSUER = "https://issuer.example"
KNOWN = Standing(
    enabled=True,
    epoch=3,
    denied=False,
    email="ann@example.com",
    email_verified=True,
    name="Ann",
    image=None,
    roles=("editor",),
)


@dataclass(frozen=True, kw_only=True)
class Proof:
    login: VerifiedLogin
    trusted: Trusted
    expires_at: int
    good_until: int
    of_client: bool = False
    issued_at: int | None = None


@dataclass
class Results:
    told: list[str]

    def bearer(self, *, result: str) -> None:
        self.told.append(result)


@dataclass
class World:
    """A verifier, a directory and what was told, each as a test wants it."""

    callers: Callers = Callers.ANY
    users: tuple[str, ...] = ()
    standing_now: Standing | None = KNOWN
    kept: Standing | None = None
    fails: Exception | None = None
    life: int = 300
    good: int = 0
    hold: int = HELD
    of_client: bool = False
    asked: int = 0
    read: int = 0
    clock: FakeClock = field(default_factory=FakeClock)
    audited: list[AuditEvent] = field(default_factory=list)
    results: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        trusted = Trusted(
            issuer=ISSUER, audiences=("a",), algorithms=("ES256",), callers=self.callers, hold=self.hold
        )
        self.ends = int(self.clock()) + self.life
        self.bearer = Bearer(issuers=(trusted,))
        self.bearers = Bearers(
            {self.bearer: self},
            holders=self,
            standings=self,
            personal=self,
            clock=self.clock,
            audit=self.audited.append,
            counts=Results(self.results),
        )

    async def verify(self, raw: str) -> Proof:
        self.asked += 1
        if self.fails is not None:
            raise self.fails
        login = VerifiedLogin(provider=ISSUER, issuer=ISSUER, subject="reports", email="r@example.com")
        good = min(self.ends, int(self.clock()) + self.good) if self.good else self.ends
        return Proof(
            login=login,
            trusted=self.bearer.issuers[0],
            expires_at=self.ends,
            good_until=good,
            of_client=self.of_client,
        )

    async def users_of(self, issuer: str, subject: str) -> tuple[str, ...]:
        return self.users

    def known(self, session: Session) -> Standing | None:
        return self.kept

    async def standing(self, session: Session) -> Standing | None:
        self.read += 1
        return self.standing_now

    async def again(self, session: Session) -> Session:
        raise BearerRefused("unknown")

    async def caller(self, *given: str, asks_for_roles: bool = False) -> Session:
        if given:
            raise BearerRefused("unknown")  # as whoever is asked about a personal token
        return await self.bearers.caller(self.bearer, "token", asks_for_roles=asks_for_roles)

    def at_hand(self, *, asks_for_roles: bool = False) -> Session | None:
        return self.bearers.at_hand(self.bearer, fingerprint("token"), asks_for_roles=asks_for_roles)


async def test_a_token_is_verified_once_a_minute_and_never_taken_past_its_end() -> None:
    world = World(life=HELD + 10)
    assert world.at_hand() is None
    session = await world.caller()
    assert world.at_hand() is session
    assert await world.caller() is session
    world.clock.advance(HELD)
    assert world.at_hand() is None
    await world.caller()
    assert (world.asked, world.results) == (2, ["accepted", "accepted"])
    world.clock.advance(10)
    assert world.at_hand() is None
    await world.caller()  # within the leeway for clocks, but kept no more
    assert world.at_hand() is None


async def test_a_clock_that_is_set_back_lengthens_nothing_that_was_found_out() -> None:
    world = World(users=("u_1",))
    world.clock.advance(1)
    await world.caller()
    world.clock.advance(-1)
    assert world.at_hand() is None
    await world.caller()
    assert (world.asked, world.read) == (2, 2)
    world.clock.advance(HELD - 1)
    await world.caller(asks_for_roles=True)  # what was read a moment before the end of its time
    world.clock.advance(1 - HELD)
    await world.caller()
    assert (world.asked, world.read) == (2, 4)


async def test_what_is_held_is_bounded_and_the_oldest_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.flows.bearers.MOST", 2)
    world = World()
    for token in ("one", "two", "three", "three", "two", "one"):
        await world.bearers.caller(world.bearer, token, asks_for_roles=False)
    assert world.asked == 4


async def test_what_is_read_again_is_the_newest_of_what_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.flows.bearers.MOST", 2)
    world = World(users=("u_1",))
    for token, roles in (("one", False), ("two", False), ("one", True), ("three", False), ("one", False)):
        await world.bearers.caller(world.bearer, token, asks_for_roles=roles)
    assert world.asked == 3


async def test_where_no_issuer_is_listed_its_tokens_are_refused_and_nobody_asks_whose_they_are() -> None:
    world, alone = World(), Bearer(issuers=(), personal="/api")
    with pytest.raises(BearerRefused) as refused:
        await world.bearers.caller(alone, "token", asks_for_roles=False)
    assert (refused.value.reason, world.asked) == ("issuer", 0)


async def test_of_outsiders_who_come_together_the_database_is_asked_nothing() -> None:
    world = World()
    found = await asyncio.gather(*(world.caller(asks_for_roles=True) for _ in range(3)))
    assert (found[0], world.asked, world.read) == (found[2], 1, 0)


async def test_a_stranger_is_an_outsider_with_what_the_token_says() -> None:
    session = await World().caller()
    assert session.identity.user_id == f"bearer:{ISSUER}#reports"
    assert (session.identity.email, session.identity.roles) == ("r@example.com", ())
    assert (session.provider, session.persistent) == (ISSUER, False)


async def test_a_linked_subject_is_who_the_database_says() -> None:
    session = await World(users=("u_ann",)).caller()
    assert session.identity.user_id == "u_ann"
    assert (session.identity.email, session.identity.roles) == ("ann@example.com", ("editor",))


async def test_a_subject_of_two_users_is_neither() -> None:
    with pytest.raises(BearerRefused, match="several"):
        await World(users=("u_ann", "u_bob")).caller()


async def test_only_users_or_nobody_as_a_user() -> None:
    world = World(callers=Callers.USERS)
    with pytest.raises(AccessDenied):
        await world.caller()
    assert world.results == ["stranger"]
    outsider = await World(callers=Callers.CLIENTS, users=("u_ann",)).caller()
    assert outsider.identity.user_id.startswith("bearer:")


@pytest.mark.parametrize(
    ("standing", "reason"),
    [
        (None, "user_disabled"),
        (replace(KNOWN, enabled=False), "user_disabled"),
        (replace(KNOWN, denied=True), "revoked"),
    ],
)
async def test_who_is_disabled_gone_or_signed_out_everywhere_is_refused(
    standing: Standing | None, reason: str
) -> None:
    world = World(users=("u_ann",), standing_now=standing)
    with pytest.raises(BearerRefused) as refusal:
        await world.caller()
    assert refusal.value.reason == reason
    assert [(event.name, event.reason) for event in world.audited] == [("bearer.refused", reason)]
    assert all(event.detail for event in world.audited)


async def test_roles_are_read_at_each_request_where_the_route_asks_for_them() -> None:
    world = World(users=("u_ann",))
    await world.caller(asks_for_roles=True)
    assert world.at_hand(asks_for_roles=True) is None
    world.kept = KNOWN
    held = world.at_hand(asks_for_roles=True)
    assert held is world.at_hand(asks_for_roles=False)
    world.kept, world.standing_now = None, None
    with pytest.raises(BearerRefused):
        await world.caller(asks_for_roles=True)
    assert world.asked == 1


@pytest.mark.parametrize("outage", [IssuerUnavailable("down"), StoreUnavailable("down")])
async def test_an_outage_is_no_refusal(outage: Exception) -> None:
    world = World(fails=outage)
    with pytest.raises(type(outage)):
        await world.caller()
    assert (world.results, world.audited) == (["outage"], [])


@pytest.mark.parametrize(
    ("change", "reason"), [({"enabled": False}, "user_disabled"), ({"denied": True}, "revoked")]
)
async def test_S20_whom_this_process_knows_to_be_out_is_not_at_hand_and_has_nothing_live(
    change: dict[str, bool], reason: str
) -> None:
    world = World(users=("u_ann",))
    session = await world.caller()
    world.kept = replace(KNOWN, **change)  # type: ignore[arg-type]
    assert world.at_hand(asks_for_roles=True) is None
    with pytest.raises(SessionRejected, match=reason):
        await world.bearers.recheck(session)


async def test_what_is_live_ends_with_the_token_or_with_its_user() -> None:
    world = World(users=("u_ann",))
    session = await world.caller()
    assert await world.bearers.recheck(session) is session
    world.standing_now = None
    with pytest.raises(SessionRejected, match="user_missing"):
        await world.bearers.recheck(session)
    outsider = await World().caller()
    assert await world.bearers.recheck(outsider) is outsider
    world.clock.advance(world.life)
    with pytest.raises(SessionRejected, match="absolute"):
        await world.bearers.recheck(outsider)


async def settled(world: World) -> None:
    """Wait until nobody asks any more."""
    flights = list(world.bearers._flights.values())
    if flights:
        await asyncio.wait(flights, timeout=10)


async def test_what_an_issuer_was_asked_counts_for_as_long_as_it_is_trusted_with() -> None:
    for hold, good in ((30, 30), (300, 300), (300, 40)):
        world = World(hold=hold, good=good, life=3000)
        session = await world.caller()
        world.clock.advance(good - 1)
        assert await world.caller() is session
        world.clock.advance(1)
        assert world.at_hand() is None
        await world.caller()
        assert world.asked == 2


async def test_however_long_an_answer_counts_a_user_is_looked_at_every_minute() -> None:
    world = World(users=("u_ann",), hold=600, good=600, life=3000)
    session = await world.caller()
    world.clock.advance(HELD - 1)
    assert world.at_hand() is session
    world.clock.advance(1)
    assert world.at_hand() is None
    world.kept = KNOWN
    assert world.at_hand() is session
    await world.caller()
    world.kept = None
    world.clock.advance(HELD - 1)
    assert world.at_hand() is session
    world.clock.advance(1)
    world.standing_now = None
    with pytest.raises(BearerRefused):
        await world.caller()
    assert world.asked == 1


async def test_what_was_read_last_counts_for_the_next_minute() -> None:
    world = World(users=("u_ann",), hold=600, good=600, life=3000)
    await world.caller()
    world.clock.advance(HELD)
    world.standing_now = replace(KNOWN, roles=("reader",))
    await world.caller()
    at_hand = world.at_hand()
    assert at_hand is not None
    assert at_hand.identity.roles == ("reader",)


async def test_what_is_live_by_a_token_goes_on_by_what_its_own_route_makes_of_it() -> None:
    world = World(good=30, life=3000)
    strict = replace(world.bearer.issuers[0], callers=Callers.CLIENTS, hold=5)

    class Strictly:
        async def verify(self, raw: str) -> Proof:
            return replace(await world.verify(raw), trusted=strict)

    other = Bearer(issuers=(strict,))
    bearers = Bearers(
        {world.bearer: world, other: Strictly()},
        holders=world,
        standings=world,
        personal=world,
        clock=world.clock,
        audit=world.audited.append,
        counts=Results(world.results),
    )
    session = await bearers.caller(other, "token", asks_for_roles=False)
    world.clock.advance(20)
    await bearers.caller(world.bearer, "token", asks_for_roles=False)
    world.clock.advance(10)
    assert (await bearers.recheck(session)).id == session.id


async def test_a_token_of_no_subject_is_nobodys_but_its_clients() -> None:
    session = await World(of_client=True, users=("u_ann",)).caller()
    assert session.identity.user_id == f"bearer:{ISSUER}#reports"
    with pytest.raises(AccessDenied):
        await World(of_client=True, users=("u_ann",), callers=Callers.USERS).caller()


async def test_what_is_live_goes_on_while_its_issuer_says_so_and_ends_once_it_does_not() -> None:
    world = World(good=30, life=3000)
    session = await world.caller()
    world.clock.advance(30)
    for _ in range(2):
        assert await world.bearers.recheck(session) is session  # while the question is under way
    await settled(world)
    assert world.asked == 2
    assert (await world.bearers.recheck(session)).lease_until == session.lease_until + 30
    assert world.asked == 2
    world.clock.advance(30)
    world.fails = BearerRefused("inactive")
    await world.bearers.recheck(session)
    await settled(world)
    with pytest.raises(SessionRejected, match="revoked"):
        await world.bearers.recheck(session)


async def test_a_silent_issuer_is_an_outage_for_what_is_live_and_is_asked_again_after_a_pause() -> None:
    world = World(good=30, life=3000)
    session = await world.caller()
    world.clock.advance(30)
    world.fails = IssuerUnavailable("down")
    await world.bearers.recheck(session)
    await settled(world)
    for _ in range(3):
        with pytest.raises(IssuerUnavailable):
            await world.bearers.recheck(session)
        await settled(world)
    assert world.asked == 2
    world.clock.advance(PAUSE)
    world.fails = None
    with pytest.raises(IssuerUnavailable):
        await world.bearers.recheck(session)
    await settled(world)
    assert await world.bearers.recheck(session)
    assert world.asked == 3


async def test_those_who_come_together_are_told_by_one_look_and_roles_are_read_for_each() -> None:
    world = World(users=("u_ann",))
    first = asyncio.create_task(world.caller(asks_for_roles=True))
    others = [asyncio.create_task(world.caller(asks_for_roles=True)) for _ in range(3)]
    await asyncio.sleep(0)
    first.cancel()
    found = await asyncio.gather(first, *others, return_exceptions=True)
    assert isinstance(found[0], asyncio.CancelledError)
    assert [each.identity.user_id for each in found[1:] if isinstance(each, Session)] == ["u_ann"] * 3
    assert (world.asked, world.read) == (1, 4)


async def test_a_refusal_that_is_shared_is_each_ones_own() -> None:
    world = World(fails=ScopeMissing("scope", "access token: it lacks a scope"))
    both = [asyncio.create_task(world.caller()) for _ in range(2)]
    first, second = await asyncio.gather(*both, return_exceptions=True)
    assert world.asked == 1
    assert isinstance(first, ScopeMissing)
    assert isinstance(second, ScopeMissing)
    assert first is not second
    assert (str(first), first.reason) == (str(second), "scope")
    assert len(world.audited) == 2


async def test_a_refusal_forgets_what_was_known() -> None:
    world = World(good=30, life=3000)
    session = await world.caller()
    world.clock.advance(30)
    world.fails = BearerRefused("inactive")
    with pytest.raises(BearerRefused):
        await world.caller()
    with pytest.raises(SessionRejected):
        await world.bearers.recheck(session)


async def test_what_nobody_foresaw_ends_what_is_live() -> None:
    world = World(good=30, life=3000)
    session = await world.caller()
    world.clock.advance(30)
    world.fails = ZeroDivisionError()
    await world.bearers.recheck(session)
    await settled(world)
    with pytest.raises(SessionRejected):
        await world.bearers.recheck(session)

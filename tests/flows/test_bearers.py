"""Who calls with a token: known again by its hash, never past its end, and as the database says."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import (
    AccessDenied,
    BearerMalformed,
    BearerRefused,
    IssuerUnavailable,
    SessionRejected,
    StoreUnavailable,
)
from gateway.flows.bearers import HELD, Bearers, presented
from gateway.model.bearer import Bearer, Callers, Trusted
from gateway.model.event import AuditEvent
from gateway.model.identity import VerifiedLogin
from gateway.model.session import Session, Standing
from tests.fakes.clock import FakeClock
from tests.fakes.dressing import inbound

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
    asked: int = 0
    clock: FakeClock = field(default_factory=FakeClock)
    audited: list[AuditEvent] = field(default_factory=list)
    results: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        trusted = Trusted(issuer=ISSUER, audiences=("a",), algorithms=("ES256",), callers=self.callers)
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
        return Proof(login=login, trusted=self.bearer.issuers[0], expires_at=self.ends)

    async def users_of(self, issuer: str, subject: str) -> tuple[str, ...]:
        return self.users

    def known(self, session: Session) -> Standing | None:
        return self.kept

    async def standing(self, session: Session) -> Standing | None:
        return self.standing_now

    async def again(self, session: Session) -> Session:
        raise BearerRefused("unknown")

    async def caller(self, *given: str, asks_for_roles: bool = False) -> Session:
        if given:
            raise BearerRefused("unknown")  # as whoever is asked about a personal token
        return await self.bearers.caller(self.bearer, "token", asks_for_roles=asks_for_roles)

    def at_hand(self, *, asks_for_roles: bool = False) -> Session | None:
        return self.bearers.at_hand(self.bearer, "token", asks_for_roles=asks_for_roles)


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
        (
            Standing(**{**{name: getattr(KNOWN, name) for name in KNOWN.__slots__}, "enabled": False}),
            "user_disabled",
        ),
        (Standing(**{**{name: getattr(KNOWN, name) for name in KNOWN.__slots__}, "denied": True}), "revoked"),
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


def test_no_authorization_is_no_token() -> None:
    assert presented(inbound()) is None


@pytest.mark.parametrize("value", [b"Bearer abc", b"bearer abc", b"BEARER  abc="])
def test_the_scheme_is_read_in_any_case(value: bytes) -> None:
    assert (presented(inbound((b"Authorization", value))) or "").startswith("abc")


@pytest.mark.parametrize(
    "value", [b"", b"Basic YTpi", b"Bearer a b", b'Bearer "a"', b"Bearer \xe9", b"Bearera"]
)
def test_B062_anything_else_is_refused(value: bytes) -> None:
    with pytest.raises(BearerRefused):
        presented(inbound((b"Authorization", value)))


def test_two_are_never_chosen_between() -> None:
    with pytest.raises(BearerMalformed):
        presented(inbound((b"Authorization", b"Bearer a"), (b"authorization", b"Bearer a")))


@given(st.binary(max_size=64))
def test_whatever_comes_is_a_token_or_refused(value: bytes) -> None:
    try:
        token = presented(inbound((b"Authorization", value)))
    except BearerRefused:
        return
    assert token is not None
    assert token.isascii()
    assert " " not in token

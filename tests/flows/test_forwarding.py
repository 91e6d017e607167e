"""Which token a route forwards, and what becomes of a request without one."""

import asyncio
from dataclasses import replace

import pytest

from gateway.errors import (
    AccessDenied,
    GatewayError,
    IssuerUnavailable,
    LoginRequired,
    StoreUnavailable,
    TokenRefused,
)
from gateway.flows.forwarding import HELD, RECENT, Forwards
from gateway.flows.grants import Grant
from gateway.model.grant import GrantRecord, ProviderTokens, Token
from gateway.model.route import Forwarded, Forwarding, OnRefreshError
from gateway.model.session import Session
from tests.fakes.clock import FakeClock
from tests.fakes.logins import session_of

ACCESS = Forwarding(token=Forwarded.ACCESS_TOKEN)
SESSION = session_of("u-1", authenticated_at=100)


class Beside:
    """What is kept, and what a refresh brings."""

    def __init__(self, clock: FakeClock) -> None:
        now = int(clock())
        self.grant: Grant | None = Grant(
            record=GrantRecord(
                key=b"k", user_id="u-1", provider="corp", issuer="i", subject="s", sealed="", ends_at=1
            ),
            tokens=ProviderTokens(
                access_token=Token(value="at-1", received_at=now, expires_at=now + 300),
                id_token=Token(value="idt-1", received_at=now, expires_at=now + 600),
                refresh_token="rt-1",
            ),
        )
        self.found = 0
        self.expected = SESSION
        self.down = False
        self.brings: Grant | Exception | None = None
        self.flights = 0
        self.resources: list[str | None] = []
        self.exchanged: list[tuple[str, str, str | None]] = []
        self.made: Token | Exception = Token(value="made", received_at=0)
        self.waited: list[float] = []

    async def find(self, session: Session) -> Grant | None:
        assert session is self.expected
        self.found += 1
        if self.down:
            raise StoreUnavailable("down")
        return self.grant

    async def refreshed(
        self, _grant: Grant, _session: Session, *, resource: str | None = None, patience: float
    ) -> Grant | None:
        self.flights += 1
        self.resources.append(resource)
        self.waited.append(patience)
        if isinstance(self.brings, Exception):
            raise self.brings
        return self.brings

    async def token(self, session: Session, subject: Token, *, audience: str, resource: str | None) -> Token:
        assert session is self.expected
        self.exchanged.append((subject.value, audience, resource))
        if isinstance(self.made, Exception):
            raise self.made
        return self.made


def forwards(clock: FakeClock) -> tuple[Forwards, Beside]:
    beside = Beside(clock)
    issuers = frozenset({"corp"})
    return Forwards(beside, beside, beside, issuers=issuers, clock=clock, patience=(2.0, 15.0)), beside


def value(token: Token | None) -> str | None:
    return token.value if token else None


async def test_a_fresh_token_is_asked_for_once_in_a_while_and_then_is_at_hand() -> None:
    clock = FakeClock()
    given, beside = forwards(clock)
    assert given.at_hand(SESSION, ACCESS) is None
    assert value(await given.token(SESSION, ACCESS)) == "at-1"
    clock.advance(HELD - 1)
    assert value(given.at_hand(SESSION, ACCESS)) == "at-1"
    assert given.at_hand(replace(SESSION, id="another"), ACCESS) is None
    clock.advance(1)
    assert given.at_hand(SESSION, ACCESS) is None
    assert (beside.found, beside.flights) == (1, 0)


async def test_a_token_that_is_due_is_never_at_hand() -> None:
    clock = FakeClock()
    given, _ = forwards(clock)
    clock.advance(230)
    await given.token(SESSION, ACCESS)
    clock.advance(10)
    assert given.at_hand(SESSION, ACCESS) is None


async def test_the_id_token_is_given_where_the_route_wants_it() -> None:
    given, _ = forwards(FakeClock())
    assert value(await given.token(SESSION, Forwarding(token=Forwarded.ID_TOKEN))) == "idt-1"
    assert value(await given.token(SESSION, ACCESS)) == "at-1"


@pytest.mark.parametrize("on_error", [OnRefreshError.KEEP, OnRefreshError.LOGIN])
async def test_B134_an_issuer_whose_refreshes_bring_no_id_token_is_asked_once_and_not_at_each_request(
    on_error: OnRefreshError,
) -> None:
    clock = FakeClock()
    given, beside = forwards(clock)
    wanted = Forwarding(token=Forwarded.ID_TOKEN, on_error=on_error)
    clock.advance(550)  # the ID token is due, and lives
    beside.brings = refreshed_without(beside, clock)
    assert value(await given.token(SESSION, wanted)) == "idt-1"
    assert beside.flights == 1
    beside.grant = beside.brings
    for _ in range(3):
        assert value(await given.token(SESSION, wanted)) == "idt-1"
    clock.advance(60)  # it is over, and the access token is not due
    for _ in range(3):
        if on_error is OnRefreshError.KEEP:
            assert await given.token(SESSION, wanted) is None
        else:
            with pytest.raises(LoginRequired):
                await given.token(SESSION, wanted)
    assert beside.flights == 1
    clock.advance(3500)  # with the next access token there may be another
    beside.brings = refreshed_without(beside, clock)
    if on_error is OnRefreshError.KEEP:
        assert await given.token(SESSION, wanted) is None
    else:
        with pytest.raises(LoginRequired):
            await given.token(SESSION, wanted)
    assert beside.flights == 2


def refreshed_without(beside: Beside, clock: FakeClock) -> Grant:
    """Return what is kept, after a refresh of now that brought an access token alone."""
    assert beside.grant is not None
    assert beside.grant.tokens is not None
    now = int(clock())
    access = Token(value="at-2", received_at=now, expires_at=now + 3600)
    return replace(beside.grant, tokens=replace(beside.grant.tokens, access_token=access))


async def test_O25_a_request_waits_for_a_refresh_only_so_long_while_its_token_lives() -> None:
    clock = FakeClock()
    given, beside = forwards(clock)
    beside.brings = IssuerUnavailable("a refresh takes long")
    clock.advance(299)
    assert value(await given.token(SESSION, ACCESS)) == "at-1"
    clock.advance(1)
    with pytest.raises(IssuerUnavailable):
        await given.token(SESSION, ACCESS)
    assert beside.waited == [2.0, 15.0]


async def test_an_issuer_that_failed_a_moment_ago_is_left_alone() -> None:
    clock = FakeClock()
    given, beside = forwards(clock)
    assert beside.grant is not None
    beside.grant = replace(beside.grant, record=replace(beside.grant.record, retry_at=int(clock()) + 1000))
    clock.advance(299)
    assert value(await given.token(SESSION, ACCESS)) == "at-1"
    clock.advance(10)
    with pytest.raises(IssuerUnavailable):
        await given.token(SESSION, ACCESS)
    assert beside.flights == 0


async def test_B050_a_store_that_is_down_takes_no_token_away_that_lives() -> None:
    clock = FakeClock()
    given, beside = forwards(clock)
    await given.token(SESSION, ACCESS)
    beside.down = True
    clock.advance(299)
    assert value(await given.token(SESSION, ACCESS)) == "at-1"
    clock.advance(1)
    with pytest.raises(StoreUnavailable):
        await given.token(SESSION, ACCESS)


@pytest.mark.parametrize("tokens", [True, False])
async def test_B050_what_is_known_to_be_gone_does_not_come_back_with_an_outage(tokens: bool) -> None:
    clock = FakeClock()
    given, beside = forwards(clock)
    await given.token(SESSION, ACCESS)
    clock.advance(HELD)
    assert beside.grant is not None
    beside.grant = None if tokens else replace(beside.grant, tokens=None)
    with pytest.raises(LoginRequired):
        await given.token(SESSION, ACCESS)
    beside.down = True
    with pytest.raises(StoreUnavailable):
        await given.token(SESSION, ACCESS)


async def test_what_is_held_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.flows.forwarding.MOST", 2)
    given, beside = forwards(FakeClock())
    sessions = [replace(SESSION, id=f"sid-{number}") for number in range(3)]
    for beside.expected in sessions:
        await given.token(beside.expected, ACCESS)
    assert [value(given.at_hand(each, ACCESS)) for each in sessions] == [None, "at-1", "at-1"]


@pytest.mark.parametrize(
    ("choice", "error"), [("login", LoginRequired), ("deny", AccessDenied), ("keep", None)]
)
@pytest.mark.parametrize("how", ["none", "dead", "expired", "died"])
async def test_B137_without_a_token_the_route_decides(
    choice: str, error: type[GatewayError] | None, how: str
) -> None:
    clock = FakeClock()
    given, beside = forwards(clock)
    grant = beside.grant
    assert grant is not None
    assert grant.tokens is not None
    dead = replace(grant, tokens=None)
    beside.brings = dead
    beside.grant = {
        "none": None,
        "dead": dead,
        "expired": replace(grant, tokens=replace(grant.tokens, refresh_token=None)),
        "died": grant,
    }[how]
    clock.advance(301)
    forwarding = replace(ACCESS, on_error=OnRefreshError(choice))
    if error is None:
        assert await given.token(SESSION, forwarding) is None
        return
    with pytest.raises(error):
        await given.token(SESSION, forwarding)


async def test_B143_no_route_keeps_on_with_a_session_that_its_issuer_ended() -> None:
    clock = FakeClock()
    given, beside = forwards(clock)
    assert beside.grant is not None
    beside.brings = replace(beside.grant, tokens=None, record=replace(beside.grant.record, dead="foreign"))
    clock.advance(250)
    with pytest.raises(LoginRequired):
        await given.token(SESSION, replace(ACCESS, on_error=OnRefreshError.KEEP))


async def test_who_signed_in_with_a_password_is_refused_and_not_sent_to_sign_in_again() -> None:
    given, beside = forwards(FakeClock())
    with pytest.raises(AccessDenied):
        await given.token(replace(SESSION, provider="local"), ACCESS)
    assert beside.found == 0


async def test_a_token_without_an_end_or_a_refresh_token_is_forwarded_for_good() -> None:
    clock = FakeClock()
    given, beside = forwards(clock)
    assert beside.grant is not None
    forever = ProviderTokens(access_token=Token(value="at", received_at=0))
    beside.grant = replace(beside.grant, tokens=forever)
    clock.advance(1e6)
    assert value(await given.token(SESSION, ACCESS)) == "at"


FOR_API = Forwarding(token=Forwarded.ACCESS_TOKEN, resource="urn:api")
EXCHANGED = Forwarding(token=Forwarded.ACCESS_TOKEN, audience="wiki-api", resource="urn:api")


async def test_a_token_for_a_resource_is_asked_for_and_never_replaced_by_another() -> None:
    clock = FakeClock()
    given, beside = forwards(clock)
    assert beside.grant is not None
    assert beside.grant.tokens is not None
    now = int(clock())
    made = Token(value="for-api", received_at=now, expires_at=now + 300)
    beside.brings = replace(beside.grant, tokens=beside.grant.tokens.with_access("urn:api", made))
    assert value(await given.token(SESSION, FOR_API)) == "for-api"
    assert beside.resources == ["urn:api"]
    assert value(given.at_hand(SESSION, FOR_API)) == "for-api"
    assert given.at_hand(SESSION, ACCESS) is None
    beside.brings = IssuerUnavailable("down")
    clock.advance(1000)
    with pytest.raises(IssuerUnavailable):
        await given.token(SESSION, FOR_API)


async def test_an_exchanged_token_goes_along_and_its_subject_does_not() -> None:
    clock = FakeClock()
    given, beside = forwards(clock)
    assert value(await given.token(SESSION, EXCHANGED)) == "made"
    assert beside.exchanged == [("at-1", "wiki-api", "urn:api")]
    assert beside.flights == 0
    for fault, error in ((TokenRefused("no"), AccessDenied), (IssuerUnavailable("down"), IssuerUnavailable)):
        beside.made = fault
        with pytest.raises(error):
            await given.token(SESSION, EXCHANGED)
        keeping = replace(EXCHANGED, on_error=OnRefreshError.KEEP)
        assert await given.token(SESSION, keeping) is None


@pytest.mark.parametrize(
    "other",
    [
        replace(EXCHANGED, audience="other-api"),
        replace(EXCHANGED, audience=None),
        replace(EXCHANGED, resource=None),
        replace(EXCHANGED, token=Forwarded.ID_TOKEN),
    ],
    ids=["audience", "none", "resource", "kind"],
)
async def test_I18_a_token_that_was_made_for_one_upstream_is_at_hand_for_no_other(other: Forwarding) -> None:
    clock = FakeClock()
    given, beside = forwards(clock)
    beside.made = Token(value="made", received_at=int(clock()), expires_at=int(clock()) + 300)
    assert value(await given.token(SESSION, EXCHANGED)) == "made"
    assert value(given.at_hand(SESSION, EXCHANGED)) == "made"
    assert given.at_hand(SESSION, other) is None


@pytest.mark.parametrize("how", ["none", "dead", "no refresh token", "foreign"])
async def test_no_login_is_asked_for_right_after_a_login_that_brought_no_token(how: str) -> None:
    clock = FakeClock()
    given, beside = forwards(clock)
    fresh = replace(SESSION, authenticated_at=int(clock()))
    beside.expected = fresh
    assert beside.grant is not None
    assert beside.grant.tokens is not None
    dead = replace(beside.grant, tokens=None)
    if how == "foreign":
        beside.brings = replace(dead, record=replace(dead.record, dead="foreign"))
    else:
        without = replace(beside.grant, tokens=replace(beside.grant.tokens, refresh_token=None))
        beside.grant = {"none": None, "dead": dead, "no refresh token": without}[how]
    with pytest.raises(AccessDenied):
        await given.token(fresh, FOR_API)
    clock.advance(RECENT)
    with pytest.raises(LoginRequired):
        await given.token(fresh, FOR_API)


async def test_B135_requests_of_one_moment_share_one_look_and_the_next_looks_anew() -> None:
    clock = FakeClock()
    given, beside = forwards(clock)
    tokens = await asyncio.gather(*(given.token(SESSION, ACCESS) for _ in range(10)))
    assert {value(token) for token in tokens} == {"at-1"}
    assert beside.found == 1
    waiting = asyncio.create_task(given.token(SESSION, ACCESS))
    await asyncio.sleep(0)
    waiting.cancel()
    assert value(await given.token(SESSION, ACCESS)) == "at-1"

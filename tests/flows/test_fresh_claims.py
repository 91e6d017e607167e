"""What an issuer says with a refresh is taken over, or nothing is, and nobody waits for either."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from gateway.errors import IssuerUnavailable, LoginFailed, StoreUnavailable, UserRefused
from gateway.flows.fresh_claims import AT_ONCE, FreshClaims
from gateway.flows.grants import Grant
from gateway.model.event import AuditEvent
from gateway.model.grant import GrantRecord, ProviderTokens, Token
from gateway.model.identity import VerifiedLogin
from gateway.model.session import Session
from gateway.store.database import Database
from tests.fakes.clock import FakeClock
from tests.fakes.databases import hand, locked, opened
from tests.fakes.logins import ANN, earned, session_of

LOGIN = replace(ANN, groups=("staff",), roles=earned("editor"))
OLD = ProviderTokens(access_token=Token(value="at-1", received_at=0), scope=ANN.scope)
SESSION = session_of("u_1", authenticated_at=0)
NEW = replace(OLD, access_token=Token(value="at-2", received_at=300))


@dataclass
class Issuer:
    """Says `says`, or raises it, once `gate` is open."""

    says: VerifiedLogin | Exception | None = None
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    asked: list[tuple[ProviderTokens, ProviderTokens, str]] = field(default_factory=list)

    async def retold(
        self, kept: ProviderTokens, *, before: ProviderTokens, subject: str
    ) -> VerifiedLogin | None:
        self.asked.append((kept, before, subject))
        await self.gate.wait()
        if isinstance(self.says, Exception):
            raise self.says
        return self.says


@dataclass
class Bench:
    """An account that signed in once, and what becomes of a refresh of its grant five minutes later."""

    database: Database
    clock: FakeClock
    user_id: str
    issuer: Issuer = field(default_factory=Issuer)
    counted: list[str] = field(default_factory=list)
    events: list[AuditEvent] = field(default_factory=list)
    told: list[tuple[str, str]] = field(default_factory=list)
    ended: list[Session] = field(default_factory=list)
    missed: bool = False

    def __post_init__(self) -> None:
        self.claims = FreshClaims(
            self.database.users,
            {"corp": self.issuer},
            end=self._ended,
            clock=self.clock,
            monotonic=asyncio.get_running_loop().time,
            counts=self,
            audit=self.events.append,
            tell=lambda _level, name, facts: self.told.append((name, str(facts["error"]))),
        )

    async def _ended(self, session: Session) -> None:
        self.ended.append(session)
        if self.missed:
            raise StoreUnavailable("down")

    def claims_refresh(self, *, provider: str, outcome: str) -> None:
        assert provider == "corp"
        self.counted.append(outcome)

    def grant(self, **changes: object) -> Grant:
        record = GrantRecord(
            key=b"k" * 32,
            user_id=self.user_id,
            provider=ANN.provider,
            issuer=ANN.issuer,
            subject=ANN.subject,
            sealed="",
            ends_at=0,
        )
        return Grant(record=replace(record, **changes), tokens=OLD)  # type: ignore[arg-type]

    async def refreshed(
        self, says: VerifiedLogin | Exception | None, grant: Grant | None = None, new: ProviderTokens = NEW
    ) -> str:
        """Return what became of a refresh with which the issuer *says* this."""
        self.issuer.says = says
        self.issuer.gate.set()
        self.claims.take(grant or self.grant(), new, SESSION)
        await self.claims.close(within=30)
        return self.counted.pop()

    async def known(self) -> tuple[tuple[str, ...], str | None]:
        user = await self.database.users.find(self.user_id)
        assert user is not None
        return user.roles, user.name


@asynccontextmanager
async def bench(folder: Path) -> AsyncIterator[Bench]:
    clock = FakeClock()
    async with opened(folder, clock) as database:
        async with database.users.ledger() as ledger:
            user = await ledger.create_user(LOGIN)
        clock.advance(300)
        yield Bench(database, clock, user.id)


async def test_B075_what_changed_is_taken_over_and_told_without_its_values(tmp_path: Path) -> None:
    async with bench(tmp_path) as at:
        says = replace(LOGIN, groups=("guests",), roles=earned("reader"), name="Ann Lee")
        assert await at.refreshed(says) == "changed"
        assert await at.known() == (("reader",), "Ann Lee")
        [event] = at.events
        assert (event.name, event.detail) == ("account.updated", "profile, groups, roles")
        assert (event.user_id, event.provider, event.session_id) == (at.user_id, "corp", (b"k" * 8).hex())
        assert at.issuer.asked == [(NEW, OLD, "ann-1")]
        assert await at.refreshed(says) == "unchanged"
        assert len(at.events) == 1


async def test_an_issuer_that_says_nothing_anew_changes_nothing(tmp_path: Path) -> None:
    async with bench(tmp_path) as at:
        assert await at.refreshed(None) == "unsaid"
        assert await at.known() == (("editor",), "Ann")


@pytest.mark.parametrize(
    "fault", [LoginFailed("the claim groups is odd"), IssuerUnavailable("userinfo is down")]
)
async def test_B140_what_cannot_be_had_changes_nothing_and_is_told(tmp_path: Path, fault: Exception) -> None:
    async with bench(tmp_path) as at:
        assert await at.refreshed(fault) == "failed"
        assert at.told == [("claims.refresh_failed", str(fault))]
        assert at.ended == []
        assert await at.known() == (("editor",), "Ann")
        assert await at.refreshed(replace(LOGIN, roles=())) == "changed"


@pytest.mark.parametrize("missed", [False, True])
async def test_who_may_not_sign_in_any_more_is_signed_out(tmp_path: Path, missed: bool) -> None:
    async with bench(tmp_path) as at:
        at.missed = missed
        assert await at.refreshed(UserRefused("in none of the organizations")) == "refused"
        assert at.ended == [SESSION]
        [event] = at.events
        assert (event.name, event.outcome) == ("account.updated", "refused")
        assert event.detail == "in none of the organizations"
        assert await at.known() == (("editor",), "Ann")


async def test_a_database_that_is_busy_changes_nothing_and_is_told(tmp_path: Path) -> None:
    async with bench(tmp_path) as at:
        with locked(tmp_path):
            assert await at.refreshed(replace(LOGIN, roles=())) == "failed"
        assert await at.known() == (("editor",), "Ann")


async def test_what_a_login_brought_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    async with bench(tmp_path) as at:
        at.issuer.says = replace(LOGIN, roles=earned("editor"))
        at.claims.take(at.grant(), NEW, SESSION)
        async with at.database.users.ledger() as ledger:
            account = await ledger.account(ANN.provider, ANN.issuer, ANN.subject)
            assert account is not None
            await ledger.record_login(account, replace(LOGIN, roles=()))
        at.issuer.gate.set()
        await at.claims.close(within=30)
        assert at.counted == ["overtaken"]
        assert await at.known() == ((), "Ann")


@pytest.mark.parametrize(
    ("granted", "outcome"),
    [
        ("openid email", "changed"),
        ("email  openid profile", "changed"),
        ("openid", "overtaken"),
        ("", "overtaken"),
    ],
)
async def test_a_grant_speaks_only_where_it_was_granted_all_that_the_last_login_was(
    tmp_path: Path, granted: str, outcome: str
) -> None:
    async with bench(tmp_path) as at:
        assert await at.refreshed(replace(LOGIN, roles=(), scope=granted)) == outcome


async def test_an_account_that_is_gone_or_somebody_else_s_by_now_is_left_alone(tmp_path: Path) -> None:
    async with bench(tmp_path) as at:
        says = replace(LOGIN, roles=())
        assert await at.refreshed(says, at.grant(user_id="u_bob")) == "overtaken"
        hand(tmp_path, "DELETE FROM accounts")
        assert await at.refreshed(says) == "overtaken"
        assert await at.known() == (("editor",), "Ann")


async def test_a_dead_grant_says_nothing(tmp_path: Path) -> None:
    async with bench(tmp_path) as at:
        at.claims.take(replace(at.grant(), tokens=None), NEW, SESSION)
        await at.claims.close()
        assert (at.counted, at.issuer.asked) == ([], [])


async def test_few_are_asked_about_at_once_and_a_stop_waits_no_longer_than_it_says(tmp_path: Path) -> None:
    async with bench(tmp_path) as at:
        for _ in range(AT_ONCE + 3):
            at.claims.take(at.grant(), NEW, SESSION)
        async with asyncio.timeout(10):
            while len(at.issuer.asked) < AT_ONCE:
                await asyncio.sleep(0)
        await at.claims.close(within=0.01)
        assert len(at.issuer.asked) == AT_ONCE
        assert at.counted == []

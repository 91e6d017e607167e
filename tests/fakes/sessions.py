"""One gateway node's sessions, over a fake clock and directory, and a browser to send to it."""

import secrets
from collections import Counter
from dataclasses import dataclass, field, replace

from gateway.keys.keyring import KeyRing
from gateway.keys.seal import Sealer
from gateway.model.cookies import CookieNames
from gateway.model.event import AuditEvent
from gateway.model.identity import User, VerifiedLogin
from gateway.model.session import Session
from gateway.sessions.stateless import Stateless
from gateway.sessions.strategy import Loaded, Policy
from tests.fakes.clock import FakeClock
from tests.fakes.directory import FakeDirectory
from tests.fakes.jar import Jar

SITE = "https://gw.example.com"
SECRET = b"k" * 32
NAMES = CookieNames(base="session", secure=True, hostname="gw.example.com")
POLICY = Policy(
    lease=600, max_age=2_592_000, idle_timeout=None, strict=False, audience=f"{SITE} __Host-session"
)
STRICT = replace(POLICY, strict=True)
ALICE = User(
    id="u-alice",
    email="alice@example.com",
    email_verified=True,
    name="Alice",
    image=None,
    enabled=True,
    epoch=3,
    roles=("editor",),
    created_at=1_700_000_000,
)
LOGIN = VerifiedLogin(
    provider="demo",
    issuer="https://issuer.example.com",
    subject="sub-1",
    groups=("staff",),
    claims=(("department", ("it",)),),
    issuer_sid="op-sid",
    acr="urn:mfa",
    amr=("pwd", "otp"),
)


class Tallied:
    """Counts in memory."""

    def __init__(self) -> None:
        self.renewals = 0
        self.shared = 0
        self.rejections: Counter[str] = Counter()
        self.cookies: Counter[int] = Counter()

    def renewed(self) -> None:
        self.renewals += 1

    def rejected(self, reason: str) -> None:
        self.rejections[reason] += 1

    def cookie_left(self, pieces: int) -> None:
        self.cookies[pieces] += 1

    def lookup_shared(self) -> None:
        self.shared += 1


def sealer(*secret_list: bytes, purpose: str = "session", scope: str = SITE) -> Sealer:
    return KeyRing(secret_list or (SECRET,), scope=scope).sealer(purpose)


def user_with_long_groups(size: int) -> VerifiedLogin:
    """Return a login whose groups take about *size* bytes."""
    return replace(LOGIN, groups=(secrets.token_hex(size // 2),))


@dataclass
class Node:
    """A gateway node; `browser` holds its cookies, T is the moment the clock began at."""

    policy: Policy = POLICY
    names: CookieNames = NAMES
    clock: FakeClock = field(default_factory=FakeClock)
    directory: FakeDirectory = field(default_factory=lambda: FakeDirectory(ALICE))
    browser: Jar = field(default_factory=Jar)
    sealer: Sealer = field(default_factory=sealer)
    patience: float = 5.0

    def __post_init__(self) -> None:
        self.events: list[AuditEvent] = []
        self.tally = Tallied()
        self.sessions = Stateless(
            self.policy,
            sealer=self.sealer,
            names=self.names,
            directory=self.directory,
            clock=self.clock,
            audit=self.events.append,
            tally=self.tally,
            patience=self.patience,
        )

    def sign_in(self, login: VerifiedLogin = LOGIN, *, persistent: bool = True) -> Session:
        """Begin a session of Alice and leave it in the browser."""
        user = self.directory.users["u-alice"]
        session = self.sessions.issue(login, user, persistent=persistent)
        self.browser.take(self.sessions.cookies(session, self.browser.headers()))
        return session

    def load(self) -> Loaded:
        return self.sessions.load(self.browser.headers())

    def loaded(self) -> Session:
        """Return the session that the browser's cookies hold, which must be one."""
        session = self.load().session
        if session is None:
            raise LookupError("no session")
        return session

    async def request(self) -> Session:
        """Make one request: load, renew where due, keep the new cookie."""
        loaded = self.load()
        if loaded.session is None:
            raise LookupError(loaded.rejected)
        if not loaded.due:
            return loaded.session
        session = await self.sessions.renew(loaded.session)
        if session.token_id != loaded.session.token_id:
            self.browser.take(self.sessions.cookies(session, self.browser.headers()))
        return session

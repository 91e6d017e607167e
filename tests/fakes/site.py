"""One gateway's own pages over real sessions, users and keys; only the issuers are doubles.

async with site(tmp_path) as gate:
    answer = await gate.get("/.gateway/signin?return_to=/x")
    answer = await gate.come_back()          # the issuer's answer to the last departure
"""

import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

from gateway.errors import GatewayError, LogoutRefused
from gateway.flows.arrival import Arrivals
from gateway.flows.departures import Departures, LogoutProvider
from gateway.flows.issuer_logout import IssuerLogout
from gateway.flows.link import Linking
from gateway.flows.login import LoginProvider, Logins
from gateway.flows.logout import Logout
from gateway.flows.password import PasswordLogins, PasswordProvider
from gateway.flows.password_change import PasswordChange
from gateway.flows.password_policy import PasswordPolicy
from gateway.flows.personal import Mint
from gateway.flows.posted import PostedResponses
from gateway.flows.recent import RecentLogins
from gateway.flows.resume import Resume
from gateway.flows.sign_ins import SignInBook
from gateway.flows.step_up import StepUps
from gateway.flows.targets import ReturnTargets
from gateway.flows.throttle import Throttle
from gateway.flows.transactions import Transactions
from gateway.flows.unlink import Unlinking
from gateway.keys.keyring import KeyRing
from gateway.model.answer import Answer
from gateway.model.cookies import CookieNames
from gateway.model.event import AuditEvent
from gateway.model.identity import VerifiedLogin
from gateway.model.inbound import Inbound
from gateway.model.login import PendingLogin
from gateway.model.proof import Demand
from gateway.passage import Passage
from gateway.relying_party.authorization import CallbackResponse, read_response
from gateway.relying_party.end_session import LogoutDeparture
from gateway.relying_party.logout_token import LogoutNotice
from gateway.routing.table import Table
from gateway.sessions.stateless import Stateless
from gateway.sessions.strategy import Policy
from gateway.store.database import Database
from gateway.web.account import AccountPage
from gateway.web.again import SignInAgain
from gateway.web.client_jwks import ClientJwks
from gateway.web.csrf import Csrf
from gateway.web.endpoints import Endpoints
from gateway.web.errors import ErrorPages
from gateway.web.home import Home
from gateway.web.initiation import Initiation
from gateway.web.issuer_logout import IssuerLogoutEndpoints
from gateway.web.pages import Pages
from gateway.web.password import PasswordPage
from gateway.web.personal import TokensPage
from gateway.web.programs import Programs
from gateway.web.replies import Replies
from gateway.web.resources import ProtectedResources
from gateway.web.signin import SignIn
from gateway.web.signout import SignOut
from tests.fakes.clock import FakeClock
from tests.fakes.console import console
from tests.fakes.databases import opened
from tests.fakes.forward_auth import forward_auth
from tests.fakes.jar import Jar
from tests.fakes.passwords import CountedPasswords
from tests.fakes.sessions import Tallied

HOST = "gw.example.com"
URL = f"https://{HOST}"
PREFIX = "/.gateway"
NAVIGATION = ((b"Sec-Fetch-Mode", b"navigate"), (b"Accept", b"text/html"))
FETCH = ((b"Sec-Fetch-Mode", b"cors"), (b"Accept", b"*/*"))


class Issuer:
    """An issuer that says what it is told to: `login`, or raises `fault`. Counts what it is asked."""

    def __init__(self, provider: str) -> None:
        self.url = f"https://{provider}.example"
        self.login = VerifiedLogin(
            provider=provider, issuer=self.url, subject="ann-1", email=f"ann@{provider}.example", name="Ann"
        )
        self.fault: GatewayError | None = None
        self.down: GatewayError | None = None
        self.begun: list[PendingLogin] = []
        self.hints: list[Mapping[str, str]] = []
        self.demands: list[Demand | None] = []
        self.redeemed: list[PendingLogin] = []
        self.ends_sessions = False
        self.departed: list[LogoutDeparture] = []
        self.notices: dict[str, LogoutNotice] = {}

    async def begin(
        self, pending: PendingLogin, hints: Mapping[str, str], *, demand: Demand | None = None
    ) -> str:
        if self.down is not None:
            raise self.down
        self.begun.append(pending)
        self.hints.append(hints)
        self.demands.append(demand)
        asked = {"state": pending.state, "redirect_uri": pending.redirect_uri}
        return f"{self.url}/authorize?{urlencode(asked)}"

    async def read(self, pairs: Sequence[tuple[str, str]]) -> CallbackResponse:
        return read_response(pairs)

    async def end_session_url(self, departure: LogoutDeparture) -> str | None:
        if self.down is not None:
            raise self.down
        self.departed.append(departure)
        return f"{self.url}/logout?{urlencode({'state': departure.state})}" if self.ends_sessions else None

    async def verify_logout(self, raw: str) -> LogoutNotice:
        if raw not in self.notices:
            raise LogoutRefused("not a token of mine")
        return self.notices[raw]

    async def redeem(self, pending: PendingLogin, response: CallbackResponse) -> VerifiedLogin:
        self.redeemed.append(pending)
        if self.fault is not None:
            raise self.fault
        return self.login


@dataclass(kw_only=True)
class Site:
    """The gateway and one browser; `answer` is the last one, `departures` where it was sent."""

    clock: FakeClock
    database: Database
    issuers: dict[str, Issuer]
    logins: Logins
    sessions: Stateless
    book: SignInBook
    departures: Departures
    issuer_logout: IssuerLogout
    endpoints: Endpoints
    errors: ErrorPages
    names: CookieNames
    ring: KeyRing
    targets: ReturnTargets
    events: list[AuditEvent]
    passwords: CountedPasswords | None
    browser: Jar = field(default_factory=Jar)

    def inbound(
        self,
        target: str,
        *,
        method: str = "GET",
        headers: Sequence[tuple[bytes, bytes]] = NAVIGATION,
        host: str = HOST,
    ) -> Inbound:
        """Return the request that the browser makes, as the front would hand it on."""
        path, mark, query = target.partition("?")
        modes = [value for name, value in headers if name.lower() == b"sec-fetch-mode"]
        html = any(name.lower() == b"accept" and b"text/html" in value for name, value in headers)
        return Inbound(
            method=method,
            target=target.encode(),
            path=path,
            query=query.encode() if mark else None,
            host=host,
            scheme="https",
            headers=(*self.browser.headers(), *headers),
            peer="192.0.2.1",
            client_ip="192.0.2.1",
            request_id="req-1",
            navigation=method in ("GET", "HEAD") and (modes == [b"navigate"] if modes else html),
            wants_html=html,
        )

    async def send(self, inbound: Inbound, body: bytes = b"") -> Answer:
        """Serve *inbound* as the listener does; the browser obeys the answer's cookies."""

        async def read(_most: int) -> bytes:
            return body

        passage = Passage(request_id="req-1", peer="192.0.2.1", started=0.0, inbound=inbound)
        try:
            answer = await self.endpoints.handle(inbound, read, passage)
        except GatewayError as error:
            answer = self.errors.answer(error, inbound=inbound, request_id="req-1")
        left = tuple((b"Set-Cookie", line) for line in passage.leave)
        answer = replace(answer, headers=(*answer.headers, *left))
        self.browser.take(value for name, value in answer.headers if name == b"Set-Cookie")
        return answer

    async def get(self, target: str, headers: Sequence[tuple[bytes, bytes]] = NAVIGATION) -> Answer:
        return await self.send(self.inbound(target, headers=headers))

    async def post(
        self,
        target: str,
        fields: Mapping[str, str] | None = None,
        headers: Sequence[tuple[bytes, bytes]] = NAVIGATION,
        *,
        token: str | None = None,
    ) -> Answer:
        """Send a form from our own page, with a valid token unless another is given."""
        sent = {"csrfToken": self.token() if token is None else token, **(fields or {})}
        form = (
            (b"Content-Type", b"application/x-www-form-urlencoded"),
            (b"Origin", URL.encode()),
            (b"Sec-Fetch-Site", b"same-origin"),
        )
        inbound = self.inbound(target, method="POST", headers=(*form, *headers))
        return await self.send(inbound, urlencode(sent).encode())

    def token(self, purpose: str = "csrf") -> str:
        """Return a CSRF token for the browser, as any page of ours carries one, or those of *purpose*."""
        csrf = Csrf(mac=self.ring.mac(purpose), names=self.names, scheme="https")
        token = csrf.issue(self.browser.headers())
        self.browser.take(token.cookies)
        return token.text

    async def come_back(self, provider: str = "demo", *, begun: int = -1, **changed: str) -> Answer:
        """Bring the issuer's answer to the login that was begun last (or at *begun*)."""
        return await self.get(self.way_back(provider, begun=begun, **changed))

    def way_back(self, provider: str = "demo", *, begun: int = -1, **changed: str) -> str:
        pending = self.issuers[provider].begun[begun]
        pairs = {"code": "a-code", "state": pending.state, **changed}
        return f"{PREFIX}/callback/{provider}?{urlencode(pairs)}"

    async def sign_in(self, provider: str = "demo", return_to: str = "/") -> Answer:
        """Sign in from start to end."""
        await self.get(f"{PREFIX}/signin/{provider}?{urlencode({'return_to': return_to})}")
        return await self.come_back(provider)

    @property
    def signed_in(self) -> str:
        """The id of the user whose session the browser holds, empty without one."""
        session = self.sessions.load(self.browser.headers()).session
        return session.identity.user_id if session else ""

    @property
    def transactions(self) -> list[str]:
        return [name for name in self.browser.names if name.startswith(self.names.login)]


@asynccontextmanager
async def site(
    directory: Path,
    *,
    providers: Sequence[str] = ("demo",),
    trust_email: Sequence[str] = (),
    by_password: bool = False,
    posts: bool = False,
    demands: Mapping[str, Demand] | None = None,
) -> AsyncIterator[Site]:
    """Open a gateway on a database of its own; *by_password* adds that provider, id `local`;
    *posts*: its issuers answer by forms; *demands* are those of routes, by their names."""
    clock = FakeClock()
    async with opened(directory, clock) as database:
        passwords = CountedPasswords() if by_password else None
        step_ups = StepUps(demands or {}, clock=clock)
        yield _composed(
            clock,
            database,
            providers,
            frozenset(trust_email),
            passwords=passwords,
            step_ups=step_ups,
            posts=posts,
        )
        if passwords is not None:
            await passwords.close()


def _composed(
    clock: FakeClock,
    database: Database,
    providers: Sequence[str],
    trust_email: frozenset[str],
    *,
    passwords: CountedPasswords | None,
    step_ups: StepUps,
    posts: bool,
) -> Site:
    ring = KeyRing([b"s" * 32], scope=URL)
    names = CookieNames(base="session", secure=True, hostname=HOST)
    events: list[AuditEvent] = []
    policy = Policy(lease=600, max_age=2_592_000, idle_timeout=None, strict=False, audience=URL)
    sessions = Stateless(
        policy,
        sealer=ring.sealer("session"),
        names=names,
        directory=database,
        clock=clock,
        audit=events.append,
        tally=Tallied(),
    )
    resume = Resume(sessions)
    recent = RecentLogins(sealer=ring.sealer("recent"), names=names, clock=clock)
    issuers = {provider: Issuer(provider) for provider in providers}
    book = SignInBook(database.sign_ins, sealer=ring.sealer("at-rest"), most=0, audit=events.append)
    logout = Logout(strategy=sessions, recent=recent, hints=book, audit=events.append)
    departures = Departures(
        providers=[
            LogoutProvider(id=name, name=name.capitalize(), party=each) for name, each in issuers.items()
        ],
        landing=f"{URL}{PREFIX}/signout",
        sealer=ring.sealer("logout"),
        names=names,
        audit=events.append,
        clock=clock,
    )
    issuer_logout = IssuerLogout(
        announcers=issuers,
        endings=database.endings,
        strategy=sessions,
        recent=recent,
        max_age=policy.max_age,
        audit=events.append,
        clock=clock,
    )
    known = [
        LoginProvider(
            id=name,
            name=name.capitalize(),
            issuer=issuer.url,
            client_id="gateway",
            party=issuer,
            posts=posts,
        )
        for name, issuer in issuers.items()
    ]
    logins = Logins(
        providers=known,
        callback_url=f"{URL}{PREFIX}/callback",
        posted=PostedResponses(ring.sealer("posted-response")),
        transactions=Transactions(sealer=ring.sealer("login"), names=names, clock=clock),
        recent=recent,
        spender=database,
        linking=Linking(database.users, trust_email=trust_email, audit=events.append, clock=clock),
        step_ups=step_ups,
        strategy=sessions,
        live=resume,
        book=book,
        audit=events.append,
        clock=clock,
    )
    throttle = Throttle(monotonic=clock)
    by_password = passwords and PasswordLogins(
        provider=PasswordProvider(id="local", name="Password", issuer=URL),
        book=database.passwords,
        passwords=passwords,
        throttle=throttle,
        arrivals=Arrivals(recent=recent, strategy=sessions, live=resume, book=book),
        audit=events.append,
        clock=clock,
    )
    targets = ReturnTargets(public_url=URL, hosts=frozenset({"wiki.example.com"}), prefix=PREFIX)
    replies = Replies(secure=True)
    pages = Pages(replies=replies, prefix=PREFIX, issuers=[issuer.url for issuer in issuers.values()])
    csrf = Csrf(mac=ring.mac("csrf"), names=names, scheme="https")
    errors = ErrorPages(pages=pages, replies=replies, targets=targets, public_url=URL, prefix=PREFIX)
    again = SignInAgain(logins=logins, replies=replies, prefix=PREFIX)
    home = Home(targets=targets, replies=replies, public_url=URL, prefix=PREFIX)
    endpoints = Endpoints(
        prefix=PREFIX,
        home=home,
        signin=SignIn(
            logins=logins,
            passwords=by_password,
            step_ups=step_ups,
            resume=resume,
            targets=targets,
            home=home,
            csrf=csrf,
            pages=pages,
            replies=replies,
            root=URL + PREFIX,
        ),
        initiation=Initiation(logins=logins, targets=targets, home=home, replies=replies),
        signout=SignOut(
            logout=logout,
            departures=departures,
            resume=resume,
            targets=targets,
            csrf=csrf,
            pages=pages,
            replies=replies,
            prefix=PREFIX,
        ),
        account=AccountPage(
            accounts=database.users,
            sign_ins=database.sign_ins,
            endings=database.endings,
            logout=logout,
            max_age=policy.max_age,
            audit=events.append,
            logins=logins,
            again=again,
            unlinking=Unlinking(database.users, passwords=by_password is not None),
            strategy=sessions,
            passwords=by_password.provider if by_password else None,
            tokens=True,
            resume=resume,
            csrf=csrf,
            pages=pages,
            replies=replies,
            clock=clock,
            prefix=PREFIX,
        ),
        tokens=TokensPage(
            tokens=database.personal_tokens,
            maker=Mint(
                database.personal_tokens,
                mac=ring.mac("personal-token"),
                randomness=secrets.token_bytes,
                clock=clock,
            ),
            routes=("/api", "/other"),
            resume=resume,
            again=again,
            csrf=csrf,
            pages=pages,
            replies=replies,
            audit=events.append,
            clock=clock,
            prefix=PREFIX,
        ),
        password=PasswordPage(
            change=PasswordChange(
                book=database.passwords,
                passwords=passwords,
                policy=PasswordPolicy(),
                throttle=throttle,
                audit=events.append,
            )
            if passwords
            else None,
            owners=database.users,
            strategy=sessions,
            resume=resume,
            again=again,
            csrf=csrf,
            pages=pages,
            replies=replies,
            clock=clock,
            prefix=PREFIX,
        ),
        programs=Programs(
            resume=resume,
            csrf=csrf,
            replies=replies,
            errors=errors,
            providers=logins.providers,
            passwords=by_password.provider if by_password else None,
            jwks=ring.signing_keys().jwks,
            root=URL + PREFIX,
        ),
        resources=ProtectedResources(Table(()), replies=replies),
        issuer_logout=IssuerLogoutEndpoints(
            logout=issuer_logout,
            issuers={name: issuer.url for name, issuer in issuers.items()},
            pages=pages,
            replies=replies,
        ),
        forward_auth=forward_auth(errors=errors, replies=replies, resume=resume, clock=clock),
        client_jwks=ClientJwks({"demo": {"keys": []}}, replies=replies),
        console=console(
            database=database,
            sessions=sessions,
            again=again,
            home=home,
            ring=ring,
            names=names,
            pages=pages,
            replies=replies,
            events=events,
            clock=clock,
            prefix=PREFIX,
        ),
    )
    return Site(
        clock=clock,
        database=database,
        issuers=issuers,
        logins=logins,
        sessions=sessions,
        book=book,
        departures=departures,
        issuer_logout=issuer_logout,
        endpoints=endpoints,
        errors=errors,
        names=names,
        ring=ring,
        targets=targets,
        events=events,
        passwords=passwords,
    )


def header(answer: Answer, name: bytes) -> str:
    """Return the one value of *name*, empty where there is none."""
    found = [value.decode() for key, value in answer.headers if key.lower() == name.lower()]
    if len(found) > 1:
        raise LookupError(f"{name.decode()} came {len(found)} times")
    return found[0] if found else ""


def asked(url: str) -> dict[str, str]:
    """Return the query of *url*."""
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}

"""Our own pages and endpoints, joined."""

import secrets
from dataclasses import dataclass

from gateway.bearer_rooms import PURPOSE, BearerRooms
from gateway.console_rooms import ConsoleRooms, ConsoleTrade
from gateway.flows.logout import Logout
from gateway.flows.personal import Mint
from gateway.flows.resume import Resume
from gateway.flows.step_up import StepUps
from gateway.flows.targets import ReturnTargets
from gateway.flows.unlink import Unlinking
from gateway.front.forwarded import TrustedProxies
from gateway.front.inbound import Receiver
from gateway.front.original import Originals
from gateway.issuers import client_key_sets
from gateway.keys.keyring import KeyRing
from gateway.login_rooms import LoginRooms, Parties
from gateway.model.cookies import CookieNames
from gateway.model.event import Audit, Clock
from gateway.observe.log import Log
from gateway.observe.metrics import Metrics
from gateway.observe.store_watch import StoreWatch, WatchedBooks
from gateway.password_rooms import PasswordRooms
from gateway.pipeline import Pipeline
from gateway.relying_party.registration import Registration
from gateway.request_keys import Published
from gateway.routing.table import Table
from gateway.sessions.strategy import Strategy
from gateway.settings.addresses import url
from gateway.settings.schema import Settings
from gateway.store.database import Database
from gateway.web.account import AccountPage
from gateway.web.again import SignInAgain
from gateway.web.client_jwks import ClientJwks
from gateway.web.csrf import Csrf
from gateway.web.endpoints import Endpoints
from gateway.web.errors import ErrorPages
from gateway.web.forward_auth import ForwardAuth
from gateway.web.home import Home
from gateway.web.initiation import Initiation
from gateway.web.issuer_logout import IssuerLogoutEndpoints
from gateway.web.own_paths import OwnPaths
from gateway.web.pages import Pages
from gateway.web.password import PasswordPage
from gateway.web.personal import TokensPage
from gateway.web.programs import Programs
from gateway.web.replies import Replies
from gateway.web.resources import ProtectedResources
from gateway.web.signin import SignIn
from gateway.web.signout import SignOut


@dataclass(frozen=True, slots=True, kw_only=True)
class WebTrade:
    """What our own pages work with. *root* is their URL."""

    settings: Settings
    root: str
    issuers: list[Registration]
    parties: Parties
    table: Table
    ring: KeyRing
    published: Published
    names: CookieNames
    database: Database
    watch: StoreWatch
    strategy: Strategy
    resume: Resume
    logout: Logout
    step_ups: StepUps
    logins: LoginRooms
    passwords: PasswordRooms
    bearers: BearerRooms
    audit: Audit
    clock: Clock
    log: Log
    counts: Metrics


class WebRooms:
    """Our own pages; `errors` are those that say what went wrong anywhere."""

    def __init__(self, trade: WebTrade) -> None:
        self._trade = trade
        settings = trade.settings
        self._prefix = settings.prefix
        self._logins = trade.logins.logins()
        self._passwords = trade.passwords.logins()
        self._targets = ReturnTargets(
            public_url=settings.public_url, hosts=trade.table.hosts, prefix=self._prefix
        )
        self._replies = Replies(secure=trade.names.secure)
        self._home = Home(
            targets=self._targets,
            replies=self._replies,
            public_url=settings.public_url,
            prefix=self._prefix,
        )
        self._pages = Pages(
            replies=self._replies, prefix=self._prefix, issuers=[each.issuer for each in trade.issuers]
        )
        self._again = SignInAgain(logins=self._logins, replies=self._replies, prefix=self._prefix)
        self._csrf = Csrf(
            mac=trade.ring.mac("csrf"), names=trade.names, scheme=url(settings.public_url).scheme
        )
        self.errors = ErrorPages(
            pages=self._pages,
            replies=self._replies,
            targets=self._targets,
            public_url=settings.public_url,
            prefix=self._prefix,
        )

    def endpoints(self, receiver: Receiver, proxies: TrustedProxies, pipeline: Pipeline) -> Endpoints:
        """Return everything under the prefix; what proxies ask about is judged by *pipeline*."""
        trade = self._trade
        return Endpoints(
            prefix=self._prefix,
            home=self._home,
            signin=self._sign_in(),
            initiation=Initiation(
                logins=self._logins, targets=self._targets, home=self._home, replies=self._replies
            ),
            signout=self._sign_out(),
            account=self._account(),
            password=self._password_page(),
            tokens=self._tokens_page(),
            programs=self._programs(),
            issuer_logout=self._issuer_logout(),
            forward_auth=self._forward_auth(receiver, proxies, pipeline),
            resources=ProtectedResources(trade.table, replies=self._replies),
            client_jwks=ClientJwks(client_key_sets(trade.issuers), replies=self._replies),
            console=self._console_rooms().console(),
        )

    def _console_rooms(self) -> ConsoleRooms:
        trade = self._trade
        return ConsoleRooms(
            ConsoleTrade(
                settings=trade.settings,
                table=trade.table,
                issuers=trade.issuers,
                parties=trade.parties,
                ring=trade.ring,
                names=trade.names,
                database=trade.database,
                watch=trade.watch,
                strategy=trade.strategy,
                resume=trade.resume,
                home=self._home,
                again=self._again,
                pages=self._pages,
                replies=self._replies,
                audit=trade.audit,
                counts=trade.counts,
                clock=trade.clock,
            )
        )

    def _forward_auth(self, receiver: Receiver, proxies: TrustedProxies, pipeline: Pipeline) -> ForwardAuth:
        path = f"{self._prefix}/auth"
        return ForwardAuth(
            path=path,
            originals=Originals(receiver, proxies=proxies, base=path),
            pipeline=pipeline,
            own=OwnPaths(self._prefix),
            errors=self.errors,
            replies=self._replies,
            events=self._trade.log,
        )

    def _sign_in(self) -> SignIn:
        trade = self._trade
        return SignIn(
            logins=self._logins,
            passwords=self._passwords,
            step_ups=trade.step_ups,
            resume=trade.resume,
            targets=self._targets,
            home=self._home,
            csrf=self._csrf,
            pages=self._pages,
            replies=self._replies,
            root=trade.root,
        )

    def _sign_out(self) -> SignOut:
        trade = self._trade
        return SignOut(
            logout=trade.logout,
            departures=trade.logins.departures(),
            resume=trade.resume,
            targets=self._targets,
            csrf=self._csrf,
            pages=self._pages,
            replies=self._replies,
            prefix=self._prefix,
        )

    def _account(self) -> AccountPage:
        trade = self._trade
        return AccountPage(
            accounts=trade.database.users,
            sign_ins=trade.database.sign_ins,
            endings=trade.database.endings,
            logout=trade.logout,
            max_age=int(trade.settings.session.max_age),
            audit=trade.audit,
            logins=self._logins,
            again=self._again,
            unlinking=Unlinking(
                WatchedBooks(trade.database.users, trade.watch), passwords=self._passwords is not None
            ),
            strategy=trade.strategy,
            passwords=self._passwords.provider if self._passwords else None,
            tokens=bool(trade.bearers.personal_routes),
            resume=trade.resume,
            csrf=self._csrf,
            pages=self._pages,
            replies=self._replies,
            clock=trade.clock,
            prefix=self._prefix,
        )

    def _tokens_page(self) -> TokensPage:
        trade = self._trade
        return TokensPage(
            tokens=trade.database.personal_tokens,
            maker=Mint(
                trade.database.personal_tokens,
                mac=trade.ring.mac(PURPOSE),
                randomness=secrets.token_bytes,
                clock=trade.clock,
            ),
            routes=trade.bearers.personal_routes,
            resume=trade.resume,
            again=self._again,
            csrf=self._csrf,
            pages=self._pages,
            replies=self._replies,
            audit=trade.audit,
            clock=trade.clock,
            prefix=self._prefix,
        )

    def _password_page(self) -> PasswordPage:
        trade = self._trade
        return PasswordPage(
            change=trade.passwords.change(),
            owners=trade.database.users,
            strategy=trade.strategy,
            resume=trade.resume,
            again=self._again,
            csrf=self._csrf,
            pages=self._pages,
            replies=self._replies,
            clock=trade.clock,
            prefix=self._prefix,
        )

    def _programs(self) -> Programs:
        trade = self._trade
        return Programs(
            resume=trade.resume,
            csrf=self._csrf,
            replies=self._replies,
            errors=self.errors,
            providers=self._logins.providers,
            passwords=self._passwords.provider if self._passwords else None,
            jwks=trade.published.jwks,
            root=trade.root,
        )

    def _issuer_logout(self) -> IssuerLogoutEndpoints:
        return IssuerLogoutEndpoints(
            logout=self._trade.logins.issuer_logout(),
            issuers={each.id: each.issuer for each in self._trade.issuers},
            pages=self._pages,
            replies=self._replies,
        )

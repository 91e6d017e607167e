"""The console, joined: who is let in, what they see, and what they may change."""

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.flows.administration import Administration
from gateway.flows.resume import Resume
from gateway.keys.keyring import KeyRing
from gateway.login_rooms import Parties
from gateway.model.cookies import CookieNames
from gateway.model.event import Audit, Clock
from gateway.model.role import rule_of
from gateway.observe.metrics import Metrics
from gateway.observe.store_watch import StoreWatch, WatchedBooks
from gateway.relying_party.registration import Registration
from gateway.routing.table import Table
from gateway.sessions.strategy import Strategy
from gateway.settings.addresses import url
from gateway.settings.schema import Settings
from gateway.store.database import Database
from gateway.web.again import SignInAgain
from gateway.web.console import Console
from gateway.web.console_audit import ConsoleAudit
from gateway.web.console_door import ConsoleDoor
from gateway.web.console_people import People
from gateway.web.console_providers import ConsoleProviders, ShownProvider
from gateway.web.console_routes import ConsoleRoutes
from gateway.web.console_sessions import ConsoleSessions
from gateway.web.console_users import ConsoleUsers
from gateway.web.csrf import Csrf
from gateway.web.home import Home
from gateway.web.pages import Pages
from gateway.web.replies import Replies

_KINDS = {"oidc": "OpenID Connect", "oauth2": "OAuth 2.0", "password": "Passwords"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleTrade:
    """What the console works with."""

    settings: Settings
    table: Table
    issuers: Sequence[Registration]
    parties: Parties
    ring: KeyRing
    names: CookieNames
    database: Database
    watch: StoreWatch
    strategy: Strategy
    resume: Resume
    home: Home
    again: SignInAgain
    pages: Pages
    replies: Replies
    audit: Audit
    counts: Metrics
    clock: Clock


class ConsoleRooms:
    """The console of one configuration."""

    def __init__(self, trade: ConsoleTrade) -> None:
        self._trade = trade
        self._prefix = trade.settings.prefix
        self._max_age = int(trade.settings.session.max_age)
        self._door = ConsoleDoor(
            resume=trade.resume,
            csrf=Csrf(
                mac=trade.ring.mac("console-csrf"),
                names=trade.names,
                scheme=url(trade.settings.public_url).scheme,
            ),
            home=trade.home,
            again=trade.again,
            clock=trade.clock,
            prefix=self._prefix,
        )
        self._people = People(
            providers={each.id: each.name or each.id for each in trade.settings.providers},
            rules={
                (each.provider, rule_of(each.claim, each.value)): f"{each.claim} = {each.value}"
                for each in trade.settings.roles
            },
        )
        self._administration = Administration(
            WatchedBooks(trade.database.users, trade.watch),
            endings=trade.database.endings,
            sign_ins=trade.database.sign_ins,
            changed=trade.strategy.distrust,
            counts=trade.counts,
            audit=trade.audit,
        )

    def console(self) -> Console:
        """Return all pages of it."""
        return Console(
            door=self._door,
            users=self._users(),
            sessions=self._sessions(),
            audit=ConsoleAudit(
                trail=self._trade.database.audit,
                finder=self._trade.database.users,
                users=self._trade.database.user_pages,
                pages=self._trade.pages,
                prefix=self._prefix,
            ),
            routes=ConsoleRoutes(self._trade.table.ordered, pages=self._trade.pages, prefix=self._prefix),
            providers=ConsoleProviders(self._providers(), pages=self._trade.pages),
            replies=self._trade.replies,
            prefix=self._prefix,
        )

    def _providers(self) -> list[ShownProvider]:
        trade = self._trade
        issuers = {each.id: each for each in trade.issuers}
        return [
            ShownProvider(
                id=each.id,
                name=each.name or each.id,
                kind=_KINDS[each.type],
                issuer=issuers[each.id].issuer if each.id in issuers else "",
                party=trade.parties.get(each.id),
            )
            for each in trade.settings.providers
        ]

    def _users(self) -> ConsoleUsers:
        trade = self._trade
        return ConsoleUsers(
            door=self._door,
            users=trade.database.users,
            user_pages=trade.database.user_pages,
            sign_ins=trade.database.sign_ins,
            administration=self._administration,
            people=self._people,
            pages=trade.pages,
            replies=trade.replies,
            clock=trade.clock,
            max_age=self._max_age,
            prefix=self._prefix,
        )

    def _sessions(self) -> ConsoleSessions:
        trade = self._trade
        return ConsoleSessions(
            door=self._door,
            sign_ins=trade.database.sign_ins,
            users=trade.database.user_pages,
            administration=self._administration,
            people=self._people,
            pages=trade.pages,
            replies=trade.replies,
            clock=trade.clock,
            max_age=self._max_age,
            prefix=self._prefix,
        )

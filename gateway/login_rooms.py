"""Logins at issuers, joined: who talks to each of them, who signs people in there, and out again."""

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.flows.departures import Departures, LogoutProvider
from gateway.flows.issuer_logout import IssuerLogout
from gateway.flows.link import Linking
from gateway.flows.login import LoginProvider, Logins
from gateway.flows.posted import PostedResponses
from gateway.flows.recent import RecentLogins
from gateway.flows.resume import Resume
from gateway.flows.sign_ins import SignInBook
from gateway.flows.step_up import StepUps
from gateway.flows.transactions import Transactions
from gateway.keys.keyring import KeyRing
from gateway.lasting import Tenure
from gateway.model.cookies import CookieNames
from gateway.model.event import Audit, Clock
from gateway.observe.metrics import Metrics
from gateway.observe.store_watch import StoreWatch, WatchedBooks, WatchedStore
from gateway.provider_tokens import TokenRooms
from gateway.relying_party.http import IssuerHttp
from gateway.relying_party.oauth_party import OAuthParty
from gateway.relying_party.provider import RelyingParty
from gateway.relying_party.registration import Registration
from gateway.relying_party.tenants import names_of
from gateway.sessions.strategy import Strategy
from gateway.settings.schema import Settings
from gateway.store.database import Database

Parties = Mapping[str, RelyingParty | OAuthParty]
"""Who talks to the issuer of each provider, by the provider's id."""


def parties(issuers: list[Registration], *, tenure: Tenure, clock: Clock) -> Parties:
    """Return who talks to *issuers*; the metadata and keys of one are kept while its registration is."""
    return {each.id: _party(each, tenure=tenure, clock=clock) for each in issuers}


def _party(registered: Registration, *, tenure: Tenure, clock: Clock) -> RelyingParty | OAuthParty:
    tls = registered.tls
    http = tenure.claim(
        ("issuers", tls),
        lambda: IssuerHttp(tls=None if tls is None else tls.context()),
        close=IssuerHttp.close,
    )
    kind = RelyingParty if registered.oauth is None else OAuthParty
    return tenure.claim(("issuer", registered), lambda: kind(registered, http=http, clock=clock))


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginTrade:
    """What the rooms of logins at *issuers* work with. *root* is the URL of our own pages."""

    settings: Settings
    root: str
    issuers: list[Registration]
    parties: Parties
    ring: KeyRing
    names: CookieNames
    database: Database
    store: WatchedStore
    watch: StoreWatch
    strategy: Strategy
    live: Resume
    recent: RecentLogins
    book: SignInBook
    tokens: TokenRooms
    step_ups: StepUps
    audit: Audit
    clock: Clock
    counts: Metrics


class LoginRooms:
    """The stories that begin or end at an issuer."""

    def __init__(self, trade: LoginTrade) -> None:
        self._trade = trade

    def logins(self) -> Logins:
        """Return who signs people in."""
        trade = self._trade
        trusted = frozenset(each.id for each in trade.settings.providers if each.trust_email)
        return Logins(
            providers=[self._provider(each) for each in trade.issuers],
            callback_url=f"{trade.root}/callback",
            posted=PostedResponses(trade.ring.sealer("posted-response")),
            transactions=Transactions(
                sealer=trade.ring.sealer("login"), names=trade.names, clock=trade.clock
            ),
            recent=trade.recent,
            spender=trade.store,
            linking=Linking(
                WatchedBooks(trade.database.users, trade.watch),
                trust_email=trusted,
                audit=trade.audit,
                clock=trade.clock,
            ),
            step_ups=trade.step_ups,
            strategy=trade.strategy,
            live=trade.live,
            book=trade.tokens.book(trade.book),
            audit=trade.audit,
            clock=trade.clock,
            counts=trade.counts,
        )

    def departures(self) -> Departures:
        """Return who sends people on to their issuer when they sign out."""
        trade = self._trade
        return Departures(
            providers=[
                LogoutProvider(id=each.id, name=each.name, party=trade.parties[each.id])
                for each in trade.issuers
            ],
            landing=f"{trade.root}/signout",
            sealer=trade.ring.sealer("logout"),
            names=trade.names,
            audit=trade.audit,
            clock=trade.clock,
        )

    def issuer_logout(self) -> IssuerLogout:
        """Return who ends sessions where their issuer says so."""
        trade = self._trade
        return IssuerLogout(
            announcers=trade.parties,
            endings=trade.database.endings,
            strategy=trade.strategy,
            recent=trade.recent,
            max_age=int(trade.settings.session.max_age),
            audit=trade.audit,
            clock=trade.clock,
        )

    def _provider(self, registered: Registration) -> LoginProvider:
        return LoginProvider(
            id=registered.id,
            name=registered.name,
            issuer=registered.issuer,
            client_id=registered.client_id,
            party=self._trade.parties[registered.id],
            posts=registered.posts,
            kind="oidc" if registered.oauth is None else "oauth",
            tenants=names_of(registered) if registered.tenants else frozenset(),
        )

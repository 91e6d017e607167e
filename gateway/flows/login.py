"""Login: from a button to the issuer, and from the issuer's answer to a session (RFC 9700 4.7).

Laws: `start` and `finish` take only targets that `ReturnTargets` accepted; `redirect_uri` is made
from `public_url` alone; a transaction is recorded as used before the token request, so that no
replay, on any node, makes a second one; a login restarts by itself at most once.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from gateway.errors import GatewayError, LoginExpired, LoginFailed, NoSuchPage
from gateway.flows.arrival import Arrivals, Book, Live
from gateway.flows.link import Settled
from gateway.flows.outcomes import LoginCounts, Outcomes
from gateway.flows.posted import PostedResponses
from gateway.flows.recent import RecentLogins
from gateway.flows.step_up import StepUps
from gateway.flows.transactions import LIFE, Binding, Transactions
from gateway.model.event import Audit, Clock
from gateway.model.identity import User, VerifiedLogin
from gateway.model.inbound import Inbound
from gateway.model.login import LinkIntent, PendingLogin, StepUp
from gateway.model.proof import Demand
from gateway.model.session import Session
from gateway.relying_party.authorization import CallbackResponse, random_value
from gateway.sessions.strategy import Strategy

# At the end of a state whose login the gateway began again by itself. It protects nothing: it is
# read only where the transaction is gone, to choose between one more try and an error page.
_AGAIN = ".again"


class Provider(Protocol):
    """One issuer and our registration there."""

    async def begin(
        self, pending: PendingLogin, hints: Mapping[str, str], *, demand: Demand | None = None
    ) -> str:
        """Return the authorization URL, which asks for a login that meets *demand*.

        Raises IssuerUnavailable.
        """
        ...

    async def read(self, pairs: Sequence[tuple[str, str]]) -> CallbackResponse:
        """Return the response that the browser brought. Raises LoginFailed, IssuerUnavailable."""
        ...

    async def redeem(self, pending: PendingLogin, response: CallbackResponse) -> VerifiedLogin:
        """Return what the issuer proved. Raises LoginFailed, LoginCancelled, IssuerUnavailable."""
        ...


class Spender(Protocol):
    async def spend(self, key: bytes, until: int) -> bool:
        """Record a used transaction; return False where it was used before, on any node."""
        ...


class Linking(Protocol):
    async def settle(
        self, login: VerifiedLogin, *, live: Session | None, intent: LinkIntent | None, only: str = ""
    ) -> Settled: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginProvider:
    """A provider as a login needs it: its id in URLs, its registration, the party that talks to it.

    `posts` says that its issuer answers by a form (OAuth 2.0 Form Post Response Mode). `kind` is what
    Auth.js calls it: "oidc", or "oauth" where there is no ID token. `tenants` are the issuers that
    answers may name beside `issuer`, where that is the address of many.
    """

    id: str
    name: str
    issuer: str
    client_id: str
    party: Provider
    posts: bool = False
    kind: str = "oidc"
    tenants: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Departure:
    """Where the browser goes next, and the Set-Cookie values it takes along."""

    location: str
    cookies: tuple[bytes, ...] = ()


class Logins:
    """Starts and finishes logins. `callback_url` is `public_url` + prefix + `/callback`."""

    def __init__(
        self,
        *,
        providers: Sequence[LoginProvider],
        callback_url: str,
        transactions: Transactions,
        posted: PostedResponses,
        recent: RecentLogins,
        spender: Spender,
        linking: Linking,
        step_ups: StepUps,
        strategy: Strategy,
        live: Live,
        book: Book,
        audit: Audit,
        clock: Clock,
        counts: LoginCounts | None = None,
        secret: Callable[[], str] = random_value,
    ) -> None:
        self._providers = {provider.id: provider for provider in providers}
        self._callback_url = callback_url
        self._transactions = transactions
        self._posted = posted
        self._spender = spender
        self._linking = linking
        self._step_ups = step_ups
        self._live = live
        self._arrivals = Arrivals(recent=recent, strategy=strategy, live=live, book=book)
        self._clock = clock
        self._outcomes = Outcomes(audit=audit, counts=counts)
        self._secret = secret

    @property
    def providers(self) -> tuple[LoginProvider, ...]:
        return tuple(self._providers.values())

    async def start(
        self,
        provider_id: str,
        *,
        inbound: Inbound,
        return_to: str,
        persistent: bool = True,
        link: LinkIntent | None = None,
        hints: Mapping[str, str] | None = None,
        restarted: bool = False,
        route: str = "",
        step_up: StepUp | None = None,
    ) -> Departure:
        """Return the way to the issuer, its transaction in a cookie.

        The issuer is asked for what the route called *route* demands; only with *step_up*, which names
        a route too, is the answer held to it. Raises NoSuchPage for an unknown provider and
        IssuerUnavailable.
        """
        provider = self._known(provider_id)
        binding = self._binding(provider)
        pending = PendingLogin(
            provider=provider.id,
            issuer=binding.issuer,
            client_id=binding.client_id,
            redirect_uri=binding.redirect_uri,
            state=self._secret() + (_AGAIN if restarted else ""),
            nonce=self._secret(),
            verifier=self._secret(),
            return_to=return_to,
            started_at=int(self._clock()),
            persistent=persistent,
            restarted=restarted,
            link=link,
            route=route,
            step_up=step_up,
        )
        demand = self._step_ups.demand(step_up.route if step_up else route)
        location = await provider.party.begin(pending, hints or {}, demand=demand)
        cookies = self._transactions.begin(pending, binding, inbound.headers, posted=provider.posts)
        return Departure(location=location, cookies=cookies)

    async def finish(
        self, provider_id: str, pairs: Sequence[tuple[str, str]], *, inbound: Inbound
    ) -> Departure:
        """Return the way to the original URL, signed in.

        Where the transaction is gone or used: with a live session the way to the original URL or
        `/`; else, on a navigation, once more to the issuer. Raises LoginFailed and its kinds,
        NoSuchPage, Unavailable; `leftovers` are then to be cleared.
        """
        provider = self._known(provider_id)
        try:
            departure = await self._finish(provider, pairs, inbound)
        except GatewayError as error:
            self._outcomes.failure(provider.id, error, check=str(error))
            raise
        return departure

    def takes_posts(self, provider_id: str) -> bool:
        """Say whether the issuer of that provider answers by a form."""
        provider = self._providers.get(provider_id)
        return provider is not None and provider.posts

    async def receive(
        self, provider_id: str, pairs: Sequence[tuple[str, str]], *, inbound: Inbound
    ) -> Departure:
        """Return the way to the callback with the response that the issuer's page posted.

        Of a response that no transaction of this browser waits for only its state goes along. Raises
        LoginFailed, NoSuchPage, IssuerUnavailable.
        """
        provider = self._known(provider_id)
        try:
            query = await self._led_on(provider, pairs, inbound)
        except GatewayError as error:
            self._outcomes.failure(provider.id, error, check=str(error))
            raise
        return Departure(location=f"{self._callback_url}/{provider.id}?{query}")

    async def _led_on(
        self, provider: LoginProvider, pairs: Sequence[tuple[str, str]], inbound: Inbound
    ) -> str:
        response = await provider.party.read(pairs)
        if not response.state:
            raise LoginFailed("callback without state")
        awaited = self._transactions.find(response.state, self._binding(provider), inbound.headers)
        return self._posted.query(response if awaited else CallbackResponse(state=response.state))

    def leftovers(self, pairs: Sequence[tuple[str, str]], *, inbound: Inbound) -> tuple[bytes, ...]:
        """Return the Set-Cookie values that clear what a failed callback leaves in the browser."""
        state = next((value for name, value in pairs if name == "state"), "") or self._posted.state(pairs)
        return self._transactions.sweep(inbound.headers, state=state)

    async def _finish(
        self, provider: LoginProvider, pairs: Sequence[tuple[str, str]], inbound: Inbound
    ) -> Departure:
        response = self._posted.opened(pairs) if provider.posts else await provider.party.read(pairs)
        if not response.state:
            raise LoginFailed("callback without state")
        pending = self._transactions.find(response.state, self._binding(provider), inbound.headers)
        if pending is None or not await self._spend(pending):
            return await self._recover(provider, pending, response, inbound)
        login = await provider.party.redeem(pending, response)
        step_up = pending.step_up
        if step_up is not None and self._step_ups.insistent(step_up, login):
            return await self._again(provider, pending, inbound, replace(step_up, insisted=True))
        if step_up is not None:
            self._step_ups.check(step_up, login)
        return await self._sign_in(login, pending, inbound)

    async def _spend(self, pending: PendingLogin) -> bool:
        """Record the transaction as used; say whether it was fresh and unused until now."""
        if not self._transactions.is_fresh(pending):
            return False
        key = hashlib.sha256(pending.state.encode()).digest()
        # A minute more than a transaction lives, for nodes whose clocks differ.
        return await self._spender.spend(key, pending.started_at + LIFE + 60)

    async def _recover(
        self,
        provider: LoginProvider,
        pending: PendingLogin | None,
        response: CallbackResponse,
        inbound: Inbound,
    ) -> Departure:
        """Lead a browser on whose transaction is gone, used, too old or does not open."""
        return_to = pending.return_to if pending else "/"
        if await self._live.live(inbound) is not None:
            cookies = self._transactions.sweep(inbound.headers, state=response.state or "")
            return Departure(location=return_to, cookies=cookies)
        again = (response.state or "").endswith(_AGAIN)
        if again or response.error or not inbound.navigation:
            raise LoginExpired("transaction gone, used or too old")
        departure = await self.start(
            provider.id,
            inbound=inbound,
            return_to=return_to,
            persistent=pending.persistent if pending else True,
            restarted=True,
            route=pending.route if pending else "",
            step_up=pending.step_up if pending else None,
        )
        return self._swept(departure, inbound, state=response.state or "")

    async def _again(
        self, provider: LoginProvider, pending: PendingLogin, inbound: Inbound, step_up: StepUp
    ) -> Departure:
        """Send the browser back for *step_up*, in place of *pending*, which is spent."""
        departure = await self.start(
            provider.id,
            inbound=inbound,
            return_to=pending.return_to,
            persistent=pending.persistent,
            restarted=True,
            step_up=step_up,
        )
        return self._swept(departure, inbound, state=pending.state)

    def _swept(self, departure: Departure, inbound: Inbound, *, state: str) -> Departure:
        cleared = self._transactions.sweep(inbound.headers, state=state)
        return replace(departure, cookies=_once(departure.cookies + cleared))

    async def _sign_in(self, login: VerifiedLogin, pending: PendingLogin, inbound: Inbound) -> Departure:
        changed: list[Settled] = []

        async def settle(live: Session | None) -> User:
            only = pending.step_up.user_id if pending.step_up else ""
            changed.append(await self._linking.settle(login, live=live, intent=pending.link, only=only))
            return changed[0].user

        arrival = await self._arrivals.arrive(login, settle, inbound=inbound, persistent=pending.persistent)
        self._outcomes.success(arrival.session, detail=_change(changed[0], pending))
        swept = self._transactions.sweep(inbound.headers, state=pending.state)
        return Departure(location=pending.return_to, cookies=(*arrival.cookies, *swept))

    def _known(self, provider_id: str) -> LoginProvider:
        provider = self._providers.get(provider_id)
        if provider is None:
            raise NoSuchPage("no such provider")
        return provider

    def _binding(self, provider: LoginProvider) -> Binding:
        return Binding(
            provider=provider.id,
            issuer=provider.issuer,
            client_id=provider.client_id,
            redirect_uri=f"{self._callback_url}/{provider.id}",
        )


def _change(settled: Settled, pending: PendingLogin) -> str:
    """Return what a login did besides signing somebody in, in a word."""
    if pending.step_up is not None:
        return "step_up"
    return "linked" if settled.linked else "created" if settled.created else ""


def _once(cookies: tuple[bytes, ...]) -> tuple[bytes, ...]:
    """Drop repeated lines: a restart and a sweep may clear the same expired cookie."""
    return tuple(dict.fromkeys(cookies))

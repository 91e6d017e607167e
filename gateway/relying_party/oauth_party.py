"""Our side towards a provider of OAuth 2.0: who signed in is what userinfo tells for a fresh token.

Law: there is no ID token, so nothing is signed. What is believed came over TLS from the configured
address, for the access token that the code of this very login brought; nothing in it says how or when
somebody signed in, and no e-mail is verified but by an explicit `true`.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Protocol

from gateway.errors import GrantRefused, IssuerUnavailable, LoginFailed, LogoutRefused, TokenRefused
from gateway.model.claim_path import find
from gateway.model.event import Clock
from gateway.model.grant import ProviderTokens, Token
from gateway.model.identity import VerifiedLogin
from gateway.model.issuer_health import IssuerHealth
from gateway.model.login import PendingLogin
from gateway.model.proof import Demand
from gateway.relying_party import bitbucket, github, refresh, tokens
from gateway.relying_party.authorization import (
    CallbackResponse,
    accept_response,
    read_response,
    request_parameters,
)
from gateway.relying_party.authorization_request import address
from gateway.relying_party.backchannel import BackChannel
from gateway.relying_party.claims import SIGNED_ONLY, Claims, verified_login
from gateway.relying_party.discovery import IssuerMetadata
from gateway.relying_party.end_session import LogoutDeparture
from gateway.relying_party.http import MEBIBYTE, IssuerHttp
from gateway.relying_party.logout_token import LogoutNotice
from gateway.relying_party.registration import OAuthEndpoints, Registration
from gateway.relying_party.strict_json import JsonRefused, read

LONGEST_SUBJECT = 255  # bytes, as OpenID Connect Core 2 has it


class Steps(Protocol):
    async def __call__(
        self, told: Claims, *, ask: Callable[[str], Awaitable[object]], registration: Registration
    ) -> Claims:
        """Return what userinfo *told*, completed by the JSON that *ask* brings from addresses below it.

        Raises LoginFailed, IssuerUnavailable.
        """
        ...


STEPS: Mapping[str, Steps] = {"github": github.completed, "bitbucket": bitbucket.completed}


class OAuthParty:
    """Our side of OAuth 2.0's code flow, with PKCE, with one provider whose endpoints are configured."""

    ends_sessions = False
    health = IssuerHealth()
    """Nothing is fetched of it: its addresses are configured, and nothing is signed."""

    def __init__(self, registration: Registration, *, http: IssuerHttp, clock: Clock) -> None:
        self.registration = registration
        self._clock = clock
        self._endpoints = _endpoints(registration)
        self._metadata = IssuerMetadata(
            issuer=registration.issuer,
            authorization_endpoint=self._endpoints.authorization,
            token_endpoint=self._endpoints.token,
            userinfo_endpoint=self._endpoints.userinfo,
            jwks_uri="",
        )
        self._issuer = BackChannel(registration, http=http, clock=clock)

    async def begin(
        self, pending: PendingLogin, hints: Mapping[str, str], *, demand: Demand | None = None
    ) -> str:
        """Return the URL at the provider where *pending* goes on.

        A *demand* is asked for all the same; no provider of this kind can prove that it met one.
        """
        asked = request_parameters(self.registration, pending, hints, demand=demand)
        plain = [(name, value) for name, value in asked if name != "nonce" and (name, value) != ("scope", "")]
        return await address(plain, metadata=self._metadata, issuer=self._issuer, now=self._clock())

    async def read(self, pairs: Sequence[tuple[str, str]]) -> CallbackResponse:
        """Return the response in *pairs*, decoded names and values. Raises LoginFailed."""
        return read_response(pairs)

    async def redeem(self, pending: PendingLogin, response: CallbackResponse) -> VerifiedLogin:
        """Return who signed in, every check passed. The code is sent at most once.

        Raises LoginCancelled, UserRefused, LoginFailed, or IssuerUnavailable.
        """
        self._check_ours(pending)
        code = accept_response(response, pending=pending, metadata=self._metadata)
        document = await tokens.redeemed(code, pending=pending, metadata=self._metadata, issuer=self._issuer)
        granted = ProviderTokens(
            access_token=tokens.access_token(
                tokens.read_access_token(document), tokens.lifetime(document), now=self._clock()
            ),
            refresh_token=tokens.read_refresh_token(document),
            scope=tokens.read_scope(document, self.registration),
        )
        return replace(await self._login(granted), tokens=granted)

    async def refresh(
        self, kept: ProviderTokens, *, subject: str, resource: str | None = None
    ) -> ProviderTokens:
        """Return *kept* with what its refresh token brought, presented exactly once.

        An ID token in the answer is not looked at. Raises GrantRefused, TokenRefused, IssuerUnavailable;
        that is RefreshUnverified where another refresh token came beside an access token of no use.
        """
        if kept.refresh_token is None:
            raise GrantRefused("there is no refresh token")
        asked = [("grant_type", "refresh_token"), ("refresh_token", kept.refresh_token)]
        asked += [("resource", resource)] if resource else []
        document = await refresh.answered(asked, metadata=self._metadata, issuer=self._issuer, key=None)
        access_token, refresh_token = refresh.read_tokens(
            document, self.registration.issuer, now=self._clock()
        )
        return replace(
            kept.with_access(resource, access_token), refresh_token=refresh_token or kept.refresh_token
        )

    async def retold(
        self, kept: ProviderTokens, *, before: ProviderTokens, subject: str
    ) -> VerifiedLogin | None:
        """Return what userinfo says of *subject* since the refresh that made *before* into *kept*.

        None where that brought no access token for it. Raises UserRefused, LoginFailed, IssuerUnavailable.
        """
        if kept.access_token == before.access_token:
            return None
        login = await self._login(kept)
        if login.subject != subject:
            raise LoginFailed("userinfo is about another subject")
        return login

    async def exchange(self, subject: Token, *, audience: str, resource: str | None) -> Token:
        """Raise TokenRefused: no provider of this kind is known to exchange tokens."""
        raise TokenRefused("a provider of type oauth2 exchanges no tokens")

    async def revoke(self, kept: ProviderTokens) -> bool | None:
        """Return None: no place is known where the provider would forget *kept*."""
        return None

    async def end_session_url(self, departure: LogoutDeparture) -> str | None:
        """Return None: nobody signs out there through us."""
        return None

    async def verify_logout(self, raw: str) -> LogoutNotice:
        """Raise LogoutRefused: a logout token is signed, and no key of this provider is known."""
        raise LogoutRefused("a provider of type oauth2 sends no logout tokens")

    async def _told(self, access_token: str) -> Claims:
        told = await self._ask("", access_token=access_token)
        if not isinstance(told, dict):
            raise LoginFailed("userinfo: not an object")
        steps = STEPS.get(self.registration.steps)
        if steps is None:
            return told
        ask = partial(self._ask, access_token=access_token)
        return await steps(told, ask=ask, registration=self.registration)

    async def _ask(self, below: str, *, access_token: str) -> object:
        answer = await self._issuer.get(f"{self._endpoints.userinfo}{below}", access_token=access_token)
        what = f"userinfo{below.partition('?')[0]}"
        if answer.status in (401, 403):
            raise LoginFailed(f"{what} refuses the access token just issued")
        if answer.status != 200:
            raise IssuerUnavailable(f"{what} answered {answer.status}")
        try:
            return read(answer.body, limit=MEBIBYTE)
        except JsonRefused as error:
            raise LoginFailed(f"{what}: {error}") from None

    async def _login(self, granted: ProviderTokens) -> VerifiedLogin:
        told = await self._told(granted.access_token.value)
        unsigned = {name: value for name, value in told.items() if name not in SIGNED_ONLY}
        login = verified_login(
            {**unsigned, "sub": subject_in(told, self.registration.claims.subject)},
            registration=self.registration,
            scope=granted.scope,
            access_expires_at=granted.access_token.expires_at,
        )
        claim = self._endpoints.email_verified
        verified = login.email is not None and claim is not None and find(told, claim) is True
        return replace(login, email_verified=verified)

    def _check_ours(self, pending: PendingLogin) -> None:
        """Refuse a login begun with another provider, or before this one was configured anew."""
        begun = (pending.provider, pending.issuer, pending.client_id)
        if begun != (self.registration.id, self.registration.issuer, self.registration.client_id):
            raise LoginFailed("the login was begun with another provider")


def subject_in(told: Claims, path: str) -> str:
    """Return who *told* is about: text, or a whole number in decimal. Raises LoginFailed for all else."""
    value = find(told, path)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str) or not value or len(value.encode()) > LONGEST_SUBJECT:
        raise LoginFailed(f"userinfo's {path} is no text or whole number that could name somebody")
    return value


def _endpoints(registration: Registration) -> OAuthEndpoints:
    if registration.oauth is None:
        raise ValueError("the registration has no endpoints")
    return registration.oauth

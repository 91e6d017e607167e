"""The relying party towards one provider: begins a login, and redeems what comes back."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

from gateway.errors import GrantRefused, LoginFailed
from gateway.model.event import Clock
from gateway.model.grant import ProviderTokens, Token
from gateway.model.identity import VerifiedLogin
from gateway.model.issuer_health import IssuerHealth
from gateway.model.login import PendingLogin
from gateway.model.proof import Demand
from gateway.relying_party import (
    id_token,
    logout_token,
    refresh,
    revocation,
    signed_response,
    token_exchange,
    tokens,
    userinfo,
)
from gateway.relying_party.authorization import (
    CallbackResponse,
    accept_response,
    request_parameters,
)
from gateway.relying_party.authorization_request import address
from gateway.relying_party.backchannel import BackChannel
from gateway.relying_party.claim_sources import ClaimSources
from gateway.relying_party.claims import Claims, merged, verified_login
from gateway.relying_party.decryption import signed_id_token, signed_logout_token
from gateway.relying_party.discovery import Discovery
from gateway.relying_party.dpop import DpopKey
from gateway.relying_party.end_session import LogoutDeparture, end_session_url
from gateway.relying_party.fapi2 import check_issuer
from gateway.relying_party.http import IssuerHttp
from gateway.relying_party.jwks import ClientSecretKey, IssuerKeys, KeySource
from gateway.relying_party.logout_token import LogoutNotice
from gateway.relying_party.registration import Registration
from gateway.relying_party.steps import STEPS, response_in
from gateway.relying_party.tenants import Issuers, Speaker, named_by_metadata


class RelyingParty:
    """Our side of OpenID Connect's code flow with one issuer.

    Nothing is asked of the issuer before the first login needs it; metadata and keys are kept.
    """

    def __init__(self, registration: Registration, *, http: IssuerHttp, clock: Clock) -> None:
        self.registration = registration
        self._http = http
        self._clock = clock
        self._discovery = Discovery(
            registration.issuer,
            http=http,
            clock=clock,
            aliases=registration.shows_certificate,
            check=partial(check_issuer, registration=registration) if registration.fapi2 else None,
            named=named_by_metadata(registration),
        )
        self._keys = self._key_source()
        self._issuer = BackChannel(registration, http=http, clock=clock)
        self._issuers = Issuers(registration, keys=self._keys)
        self._sources = {
            each.registration.issuer: ClaimSources(each.registration, own=each.keys, http=http, clock=clock)
            for each in self._issuers
        }

    async def begin(
        self, pending: PendingLogin, hints: Mapping[str, str], *, demand: Demand | None = None
    ) -> str:
        """Return the URL at the issuer where *pending* goes on, to meet *demand*.

        Raises IssuerUnavailable.
        """
        metadata = await self._discovery.metadata()
        asked = request_parameters(self.registration, pending, hints, demand=demand)
        return await address(asked, metadata=metadata, issuer=self._issuer, now=self._clock())

    async def read(self, pairs: Sequence[tuple[str, str]]) -> CallbackResponse:
        """Return the response in *pairs*, decoded names and values, as the response mode has it.

        Raises LoginFailed, IssuerUnavailable.
        """
        if not self.registration.signs_responses:
            return response_in(pairs, self.registration)
        expectation = signed_response.Expectation(
            issuer=self.registration.issuer,
            client_id=self.registration.client_id,
            algorithms=self.registration.algorithms,
            now=self._clock(),
        )
        return await signed_response.verify(pairs, expectation=expectation, keys=self._keys)

    async def redeem(self, pending: PendingLogin, response: CallbackResponse) -> VerifiedLogin:
        """Return who signed in, every check passed. The code is sent at most once.

        Raises LoginCancelled, LoginFailed, or IssuerUnavailable.
        """
        self._check_ours(pending)
        metadata = await self._discovery.metadata()
        code = accept_response(response, pending=pending, metadata=metadata, issuers=self._issuers.names)
        key = self._issuer.fresh_key()
        answer = await tokens.exchange(code, pending=pending, metadata=metadata, issuer=self._issuer, key=key)
        answer = replace(answer, id_token=signed_id_token(answer.id_token, self.registration))
        speaker = self._issuers.speaking(answer.id_token)
        claims = await id_token.verify(
            answer.id_token,
            expectation=self._expectation(speaker.registration, pending, code, answer),
            keys=speaker.keys,
        )
        granted = replace(
            self._tokens(answer, claims, pending.nonce), dpop_key=None if key is None else key.text
        )
        login = await self._login(claims, granted, speaker)
        takes_hint = metadata.end_session_endpoint is not None and self.registration.logout_hint
        hint = answer.id_token if takes_hint else None
        return replace(login, name=login.name or response.name, id_token=hint, tokens=granted)

    async def refresh(
        self, kept: ProviderTokens, *, subject: str, resource: str | None = None
    ) -> ProviderTokens:
        """Return *kept* with what its refresh token brought, presented exactly once.

        *subject* is whose it is, *resource* what the access token is for. Raises GrantRefused,
        GrantForeign, TokenRefused, IssuerUnavailable.
        """
        speaker = self._speaker_of(kept)
        return await refresh.refreshed(
            kept,
            subject=subject,
            resource=resource,
            metadata=await self._discovery.metadata(),
            issuer=self._issuer,
            registration=speaker.registration,
            keys=speaker.keys,
            now=self._clock(),
        )

    async def retold(
        self, kept: ProviderTokens, *, before: ProviderTokens, subject: str
    ) -> VerifiedLogin | None:
        """Return what the issuer says of *subject* with the refresh that made *before* into *kept*.

        None where it says nothing anew: no ID token came, or no access token that userinfo would take.
        Raises LoginFailed, IssuerUnavailable.
        """
        if kept.id_token is None or kept.id_token == before.id_token:
            return None
        if not kept.access_token.lives(self._clock()):
            return None
        speaker = self._issuers.speaking(kept.id_token.value)
        claims = id_token.claims_in(kept.id_token, algorithms=speaker.registration.algorithms)
        if claims.get("sub") != subject:
            raise LoginFailed("the refreshed ID token is about somebody else")
        return await self._login(claims, kept, speaker)

    async def exchange(self, subject: Token, *, audience: str, resource: str | None) -> Token:
        """Return an access token for *audience*. Raises TokenRefused, IssuerUnavailable."""
        return await token_exchange.exchanged(
            subject,
            audience=audience,
            resource=resource,
            metadata=await self._discovery.metadata(),
            issuer=self._issuer,
            now=self._clock(),
        )

    async def revoke(self, kept: ProviderTokens) -> bool | None:
        """Have the issuer forget *kept*; say whether it took that, None where it is not to be asked.

        Raises IssuerUnavailable.
        """
        if not self.registration.revokes:
            return None
        endpoint = (await self._discovery.metadata()).revocation_endpoint
        if endpoint is None:
            return None
        return await revocation.revoke(kept, endpoint=endpoint, issuer=self._issuer)

    @property
    def health(self) -> IssuerHealth:
        """How the issuer fares, as far as was found out; nothing is asked."""
        keys = self._keys if isinstance(self._keys, IssuerKeys) else None
        return IssuerHealth(
            metadata=self._discovery.document,
            key_set=keys.document if keys else None,
            keys=keys.names if keys else (),
        )

    @property
    def ends_sessions(self) -> bool:
        """Whether the issuer, as far as it is known by now, lets one sign out there."""
        metadata = self._discovery.known
        return metadata is not None and metadata.end_session_endpoint is not None

    async def end_session_url(self, departure: LogoutDeparture) -> str | None:
        """Return where the browser signs out at the issuer, None where it cannot.

        Raises IssuerUnavailable.
        """
        return end_session_url(await self._discovery.metadata(), self.registration, departure)

    async def verify_logout(self, raw: str) -> LogoutNotice:
        """Return what a logout token says, every check passed. Raises LogoutRefused, IssuerUnavailable."""
        expectation = logout_token.Expectation(
            issuer=self.registration.issuer,
            client_id=self.registration.client_id,
            algorithms=self.registration.algorithms,
            now=self._clock(),
        )
        raw = signed_logout_token(raw, self.registration)
        return await logout_token.verify(raw, expectation=expectation, keys=self._keys)

    async def _login(self, claims: Claims, granted: ProviderTokens, speaker: Speaker) -> VerifiedLogin:
        """Return what the *claims* of a verified ID token, and those that are to be fetched, prove."""
        metadata = await self._discovery.metadata()
        access_token, registration = granted.access_token, speaker.registration
        if metadata.userinfo_endpoint is not None:
            told = await userinfo.fetch(
                metadata.userinfo_endpoint,
                access_token=access_token.value,
                subject=str(claims["sub"]),
                issuer=self._issuer,
                keys=speaker.keys,
                key=DpopKey(text=granted.dpop_key) if granted.dpop_key else None,
            )
            claims = merged(claims, told)
        claims = await STEPS[registration.steps].completed(
            claims, access_token=access_token.value, registration=registration, http=self._http
        )
        claims = await self._sources[registration.issuer].gathered(claims)
        return verified_login(
            claims,
            registration=registration,
            scope=granted.scope,
            access_expires_at=access_token.expires_at,
        )

    def _tokens(self, answer: tokens.TokenAnswer, claims: id_token.Claims, nonce: str) -> ProviderTokens:
        now = self._clock()
        return ProviderTokens(
            access_token=tokens.access_token(answer.access_token, answer.expires_in, now=now),
            id_token=id_token.as_token(answer.id_token, claims, now=now),
            refresh_token=answer.refresh_token,
            nonce=nonce,
            scope=answer.scope,
        )

    def _speaker_of(self, kept: ProviderTokens) -> Speaker:
        """Return who the login was from that brought *kept*. Raises GrantRefused for a tenant no more."""
        try:
            return self._issuers.speaking(kept.id_token.value if kept.id_token else "")
        except LoginFailed as error:
            raise GrantRefused(str(error)) from None

    def _key_source(self) -> KeySource:
        if self.registration.symmetric and self.registration.client_secret is not None:
            return ClientSecretKey(self.registration.client_secret)
        return IssuerKeys(self._discovery, http=self._http, clock=self._clock)

    def _check_ours(self, pending: PendingLogin) -> None:
        """Refuse a login begun with another provider, or before this one was configured anew."""
        begun = (pending.provider, pending.issuer, pending.client_id)
        if begun != (self.registration.id, self.registration.issuer, self.registration.client_id):
            raise LoginFailed("the login was begun with another provider")

    def _expectation(
        self, registration: Registration, pending: PendingLogin, code: str, answer: tokens.TokenAnswer
    ) -> id_token.Expectation:
        return id_token.Expectation(
            issuer=registration.issuer,
            client_id=registration.client_id,
            nonce=pending.nonce,
            algorithms=registration.algorithms,
            now=self._clock(),
            access_token=answer.access_token,
            code=code,
            max_age=registration.max_age,
            signed_claims=registration.signed_claims,
            trusted_audiences=registration.trusted_audiences,
        )

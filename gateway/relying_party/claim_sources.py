"""Claims that others vouch for: aggregated and distributed ones (OpenID Connect Core 5.6.2).

Law: only claims that the configuration reads are asked for; each is signed by the provider itself or by
an issuer that the operator listed; who somebody is never comes from here. A claim that is announced and
cannot be had ends the login, for without it a rule may let pass whom it was to refuse.
"""

import asyncio
import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from gateway.errors import IssuerUnavailable, LoginFailed
from gateway.model.event import Clock
from gateway.relying_party.claims import IDENTIFYING, SIGNED_ONLY, Claims
from gateway.relying_party.discovery import Discovery
from gateway.relying_party.endpoint import is_endpoint, is_plain_http
from gateway.relying_party.http import IssuerHttp
from gateway.relying_party.id_token import (
    AHEAD,
    EXPIRY_LEEWAY,
    LARGEST,
    check_signature,
    moment_in,
    take_apart,
)
from gateway.relying_party.jwks import IssuerKeys, KeySource
from gateway.relying_party.registration import Registration

DEADLINE = 10.0
MOST_SOURCES = 4
_TOKEN = re.compile(r"[\x21-\x7e]{1,16384}")
_OF_OTHER_KINDS = ("nonce", "events")  # ID tokens; logout and event tokens (RFC 8725 3.12)


class ClaimSources:
    """The sources of claims that logins at one provider may name; *own* are that provider's keys.

    Metadata and keys of listed issuers are asked for when the first login needs them, and kept.
    """

    def __init__(self, registration: Registration, *, own: KeySource, http: IssuerHttp, clock: Clock) -> None:
        self._registration = registration
        self._http = http
        self._clock = clock
        self._keys: dict[str, KeySource] = {
            issuer: IssuerKeys(Discovery(issuer, http=http, clock=clock), http=http, clock=clock)
            for issuer in registration.claim_issuers
        }
        self._keys[registration.issuer] = own

    async def gathered(self, claims: Claims) -> Claims:
        """Return *claims* with those that are read and that only a source has, each verified.

        At most `MOST_SOURCES` are asked, within `DEADLINE` seconds together. Raises LoginFailed,
        IssuerUnavailable.
        """
        wanted = self._wanted(claims)
        found = dict(claims)
        try:
            async with asyncio.timeout(DEADLINE):
                for source, names in wanted.items():
                    found.update(await self._told(source, names, claims))
        except TimeoutError:
            raise IssuerUnavailable("the sources of claims took too long") from None
        return found

    def _wanted(self, claims: Claims) -> Mapping[str, list[str]]:
        """Return the sources to ask, each with the claims that it is to tell."""
        announced = claims.get("_claim_names")
        if announced is None:
            return {}
        if not isinstance(announced, dict):
            raise LoginFailed("the claim _claim_names is not an object")
        wanted: dict[str, list[str]] = {}
        for name, source in announced.items():
            if name in claims or name in SIGNED_ONLY | IDENTIFYING or not self._registration.reads(name):
                continue
            if not isinstance(source, str):
                raise LoginFailed(f"the source of the claim {name} has no name")
            wanted.setdefault(source, []).append(name)
        if len(wanted) > MOST_SOURCES:
            raise LoginFailed(f"the claims come from more than {MOST_SOURCES} sources")
        return wanted

    async def _told(self, source: str, names: list[str], claims: Claims) -> Claims:
        sources = claims.get("_claim_sources")
        described = sources.get(source) if isinstance(sources, dict) else None
        try:
            told = await self._verified(await self._raw(described), claims)
        except LoginFailed as error:
            raise LoginFailed(f"the source of the claim {names[0]}: {error}") from None
        missing = [name for name in names if name not in told]
        if missing:
            raise LoginFailed(f"the source of the claim {missing[0]} does not have it")
        return {name: told[name] for name in names}

    async def _raw(self, described: object) -> str:
        """Return the JWT that a member of `_claim_sources` holds or leads to."""
        if not isinstance(described, dict):
            raise LoginFailed("it is not described")
        raw = described.get("JWT")
        if isinstance(raw, str):
            return raw
        return await self._fetched(described.get("endpoint"), described.get("access_token"))

    async def _fetched(self, endpoint: object, access_token: object) -> str:
        """Return what *endpoint* answers, asked with the *access_token* given for it and with no other."""
        if not isinstance(endpoint, str) or not self._may_be_asked(endpoint):
            raise LoginFailed("its endpoint is none to ask")
        headers = {"Accept": "application/jwt"}
        if access_token is not None:
            if not isinstance(access_token, str) or not _TOKEN.fullmatch(access_token):
                raise LoginFailed("its access_token is not usable")
            headers["Authorization"] = f"Bearer {access_token}"
        answer = await self._http.get(endpoint, headers=headers, limit=LARGEST)
        if answer.status >= 500 or answer.status == 429:
            raise IssuerUnavailable(f"a source of claims answered {answer.status}")
        if answer.status != 200 or not answer.body.isascii():
            raise LoginFailed(f"it answered {answer.status}, and no JWT")
        return answer.body.decode("ascii")

    def _may_be_asked(self, endpoint: str) -> bool:
        """Say whether *endpoint* is https, or of the very origin of an issuer that is itself plain http."""
        issuer = self._registration.issuer
        if not is_endpoint(endpoint, plain_http=is_plain_http(issuer)):
            return False
        return not is_plain_http(endpoint) or urlsplit(endpoint)[:2] == urlsplit(issuer)[:2]

    async def _verified(self, raw: str, claims: Claims) -> Claims:
        """Return the claims of *raw*; one without `iss` is the provider's own."""
        token = take_apart(raw, algorithms=self._registration.algorithms)
        issuer = token.claims.get("iss", self._registration.issuer)
        keys = self._keys.get(issuer) if isinstance(issuer, str) else None
        if keys is None:
            raise LoginFailed("it is signed by an issuer that claim_issuers does not list")
        await check_signature(token, keys)
        self._check(token.claims)
        if issuer == self._registration.issuer and token.claims.get("sub", claims["sub"]) != claims["sub"]:
            raise LoginFailed("it is about somebody else")
        return token.claims

    def _check(self, told: Claims) -> None:
        now = self._clock()
        audience = told.get("aud", self._registration.client_id)
        if self._registration.client_id not in (audience if isinstance(audience, list) else [audience]):
            raise LoginFailed("it is for another client")
        if any(name in told for name in _OF_OTHER_KINDS):
            raise LoginFailed("it is another kind of token")
        expiry, start = moment_in(told, "exp"), moment_in(told, "nbf")
        if expiry is not None and now >= expiry + EXPIRY_LEEWAY:
            raise LoginFailed("it is expired")
        if start is not None and start > now + AHEAD:
            raise LoginFailed("it is not valid yet")

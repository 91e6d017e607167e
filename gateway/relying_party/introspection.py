"""Introspection: an issuer says what a token is worth (RFC 7662), signed and encrypted where that was
agreed (RFC 9701).

Law: only `active` with the JSON value true is a yes, only false a no. Whatever else comes, nobody has
said anything about the token: that is an outage, never a refusal and never a pass. Where signed answers
are agreed, no other one is read, so that nobody on the way can take the signature off; nor, where
encrypted ones are, one that lay open.
"""

from dataclasses import dataclass, field
from hashlib import sha256
from typing import Protocol

from gateway.errors import BearerRefused, IssuerBusy, IssuerUnavailable, LoginFailed
from gateway.model.bearer import Introspection, Trusted
from gateway.model.event import Clock
from gateway.relying_party.backchannel import BackChannel
from gateway.relying_party.decryption import opened
from gateway.relying_party.discovery import aliased, endpoint_in
from gateway.relying_party.fetched import Fetched
from gateway.relying_party.http import MEBIBYTE, IssuerAnswer, IssuerHttp
from gateway.relying_party.id_token import AHEAD, Claims, check_signature, moment_in, take_apart
from gateway.relying_party.jwks import KeySource
from gateway.relying_party.key_discovery import check_issuer, server_metadata
from gateway.relying_party.shared_calls import SharedCalls
from gateway.relying_party.strict_json import JsonRefused, read_object

SIGNED = "token-introspection+jwt"
_SIGNED_TYPE = f"application/{SIGNED}"
_STALE = 60
"""Seconds by which a signed answer may seem old; it is made when it is asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What an issuer said of an active token, and when it was asked, in Unix seconds."""

    claims: Claims = field(repr=False)
    asked_at: float


class IntrospectionCounts(Protocol):
    def introspection(self, *, issuer: str, outcome: str) -> None: ...


class EndpointDiscovery:
    """Where an issuer is asked: its metadata says, looked up when first needed and kept for an hour.

    *aliases* says to take the endpoint for clients with a certificate where there is one (RFC 8705 5).
    """

    def __init__(self, issuer: str, *, http: IssuerHttp, clock: Clock, aliases: bool) -> None:
        self._issuer = issuer
        self._http = http
        self._aliases = aliases
        self._fetched = Fetched(self._fetch, clock=clock)

    async def endpoint(self) -> str:
        """Return the address, checked. Raises IssuerUnavailable, also where there is none."""
        return await self._fetched.current()

    async def _fetch(self) -> str:
        document = await server_metadata(self._issuer, http=self._http)
        check_issuer(document, self._issuer)
        if self._aliases:
            document = aliased(document)
        return endpoint_in(document, "introspection_endpoint", self._issuer)


class Introspector:
    """Asks one issuer about tokens, as one client of it: once for all who want to know at the same time."""

    def __init__(
        self,
        asked: Introspection,
        *,
        channel: BackChannel,
        http: IssuerHttp,
        keys: KeySource,
        counts: IntrospectionCounts,
        clock: Clock,
    ) -> None:
        registration = channel.registration
        self._asked = asked
        self._issuer = registration.issuer
        self._channel = channel
        self._discovery = EndpointDiscovery(
            registration.issuer, http=http, clock=clock, aliases=registration.shows_certificate
        )
        self._keys = keys
        self._counts = counts
        self._clock = clock
        self._calls: SharedCalls[Told] = SharedCalls(per_second=asked.calls_per_second, clock=clock)

    async def ask(self, raw: str, *, trusted: Trusted) -> Told:
        """Return what the issuer says of *raw*, which is active; a signed answer is held as *trusted* says.

        Raises BearerRefused where it is not active, IssuerUnavailable where nobody says.
        """
        held_by = f"{trusted.audiences}{trusted.algorithms}" if self._asked.signed else ""
        key = sha256(f"{held_by}{raw}".encode()).digest()
        try:
            return await self._calls.share(key, lambda: self._call(raw, trusted))
        except IssuerBusy:
            self._counts.introspection(issuer=self._issuer, outcome="crowded")
            raise

    async def _call(self, raw: str, trusted: Trusted) -> Told:
        try:
            told = await self._answered(raw, trusted)
        except BearerRefused:
            self._counts.introspection(issuer=self._issuer, outcome="inactive")
            raise
        except IssuerUnavailable:
            self._counts.introspection(issuer=self._issuer, outcome="outage")
            raise
        self._counts.introspection(issuer=self._issuer, outcome="active")
        return told

    async def _answered(self, raw: str, trusted: Trusted) -> Told:
        asked_at = self._clock()
        answer = await self._channel.post(
            self._asked.endpoint or await self._discovery.endpoint(),
            [("token", raw), ("token_type_hint", "access_token")],
            accept=_SIGNED_TYPE if self._asked.signed else "application/json",
        )
        try:
            claims = await self._read(answer, trusted)
        except (JsonRefused, LoginFailed) as error:
            raise IssuerUnavailable(
                f"{self._issuer}: introspection, held as ID tokens are: {error}"
            ) from None
        check_active(claims, self._issuer)
        return Told(claims=claims, asked_at=asked_at)

    async def _read(self, answer: IssuerAnswer, trusted: Trusted) -> Claims:
        if answer.status != 200:
            raise IssuerUnavailable(f"{self._issuer}: introspection answered {answer.status}")
        if not self._asked.signed:
            return read_object(answer.body, limit=MEBIBYTE)
        if answer.kind != _SIGNED_TYPE or not answer.body.isascii():
            raise LoginFailed("the answer is not signed, as was agreed")
        raw, registration = answer.body.decode("ascii"), self._channel.registration
        return await read_signed(
            opened(raw, registration) if self._asked.encrypted else raw,
            trusted=trusted,
            client_id=registration.client_id,
            keys=self._keys,
            now=self._clock(),
        )


def check_active(claims: Claims, issuer: str) -> None:
    """Return where the token is active (RFC 7662 2.2). Raises BearerRefused, IssuerUnavailable."""
    active = claims.get("active")
    if active is False:
        raise BearerRefused("inactive", "access token: its issuer says that it is not active")
    if active is not True:
        raise IssuerUnavailable(f"{issuer}: introspection: active is neither true nor false")


async def read_signed(raw: str, *, trusted: Trusted, client_id: str, keys: KeySource, now: float) -> Claims:
    """Return what a signed answer says of a token, every check passed (RFC 9701 5).

    It is from the issuer, for us (by our client id, or as the resource that we are), made just now, and no
    other kind of token. Raises LoginFailed, IssuerUnavailable.
    """
    token = take_apart(raw, algorithms=trusted.algorithms, kinds=frozenset({SIGNED}))
    await check_signature(token, keys)
    if token.claims.get("iss") != trusted.issuer:
        raise LoginFailed("the signed answer's iss is not the issuer")
    if not _is_addressed(token.claims.get("aud"), (client_id, *trusted.audiences)):
        raise LoginFailed("the signed answer's aud is somebody else")
    made = moment_in(token.claims, "iat")
    if made is None or not now - _STALE <= made <= now + AHEAD:
        raise LoginFailed("the signed answer's iat is missing, old or ahead")
    told = token.claims.get("token_introspection")
    if not isinstance(told, dict):
        raise LoginFailed("the signed answer has no token_introspection")
    return told


def _is_addressed(audience: object, names: tuple[str, ...]) -> bool:
    listed = audience if isinstance(audience, list) else [audience]
    return any(one in names for one in listed if isinstance(one, str))

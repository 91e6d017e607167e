"""Tokens that only their issuer can read: it is asked, and what it says is held as a token's own words are.

Law: the checks of access tokens are asked of the answer too, so that asking weakens none of them; members
of another type than RFC 7662 2.2 gives them are refused. Nothing but a token of the issuer is sent there
as far as anybody can tell: never one of ours, and never a JWT of somebody else.
"""

from collections.abc import Mapping
from hashlib import sha256

from gateway.errors import BearerRefused, LoginFailed
from gateway.model.bearer import Trusted
from gateway.model.event import Clock
from gateway.model.personal import PREFIX
from gateway.relying_party.access_token import (
    CHECKS,
    AccessToken,
    AccessTokens,
    Expectation,
    check_audience,
    reading,
    scopes_in,
)
from gateway.relying_party.claims import verified_login
from gateway.relying_party.id_token import DAY, LARGEST, Claims, decode_part, moment_in
from gateway.relying_party.introspection import Introspector, Told
from gateway.relying_party.strict_json import JsonRefused, read_object

REFUSED_FOR = 10
"""Seconds for which a token that was refused is refused again without asking."""

MOST_REFUSED = 2_000

_TEXTS = ("scope", "client_id", "username", "token_type", "sub", "iss", "jti")
_KINDS = ("token_type", "token_use", "typ")
# What issuers call an access token there; a refresh token or an ID token has another word.
_ACCESS = frozenset({"bearer", "access_token", "access", "at+jwt", "jwt"})


class OpaqueTokens:
    """Has one issuer judge the tokens of one route; refusals are remembered briefly."""

    def __init__(self, trusted: Trusted, *, introspector: Introspector, clock: Clock) -> None:
        self._trusted = trusted
        self._registration = reading(trusted)
        self._introspector = introspector
        self._clock = clock
        self._refused: dict[bytes, tuple[float, BearerRefused]] = {}

    async def verify(self, raw: str) -> AccessToken:
        """Return what the issuer says of *raw*, every check passed.

        Raises BearerRefused, ScopeMissing, and IssuerUnavailable where the issuer does not say.
        """
        digest = sha256(raw.encode()).digest()
        self._refuse_again(digest)
        try:
            if len(raw) > LARGEST or raw.startswith(PREFIX):
                raise BearerRefused("issuer", "access token: it is none of the issuer's")
            return self._judged(await self._introspector.ask(raw, trusted=self._trusted))
        except LoginFailed as failure:
            raise self._remember(digest, BearerRefused("invalid", f"access token: {failure}")) from None
        except BearerRefused as refusal:
            self._remember(digest, refusal)
            raise

    def _refuse_again(self, digest: bytes) -> None:
        until, refusal = self._refused.get(digest, (0.0, None))
        if refusal is not None and until - REFUSED_FOR <= self._clock() < until:
            raise type(refusal)(refusal.reason, str(refusal))

    def _remember(self, digest: bytes, refusal: BearerRefused) -> BearerRefused:
        """Keep a refusal; the oldest makes room."""
        self._refused.pop(digest, None)
        if len(self._refused) >= MOST_REFUSED:
            del self._refused[next(iter(self._refused))]
        # A fresh one, for what is raised keeps the frames that it went through.
        kept = type(refusal)(refusal.reason, str(refusal))
        self._refused[digest] = (self._clock() + REFUSED_FOR, kept)
        return refusal

    def _judged(self, told: Told) -> AccessToken:
        trusted = self._trusted
        _check_types(told.claims)
        _check_kind(told.claims, trusted)
        _check_issuer(told.claims, trusted)
        claims = _completed(told)
        expected = Expectation(trusted=trusted, kind=None, now=self._clock())
        for check in CHECKS:
            if check is not check_audience or trusted.audiences:
                check(claims, expected)
        login = verified_login(
            claims,
            registration=self._registration,
            scope=" ".join(scopes_in(claims)),
            access_expires_at=None,
        )
        ends = int(moment_in(claims, "exp") or 0)
        issued = moment_in(claims, "iat")
        return AccessToken(
            login=login,
            trusted=trusted,
            expires_at=ends,
            good_until=min(ends, int(told.asked_at) + trusted.hold),
            issued_at=None if issued is None else int(issued),
            of_client="sub" not in told.claims,
        )


class MixedTokens:
    """Verifies the tokens of one route: JWTs by their issuer's keys, others by asking, each as configured.

    *asked* are who is asked even about JWTs, by issuer; *opaque* who is asked about all that are none.
    """

    def __init__(
        self, jwts: AccessTokens, *, asked: Mapping[str, OpaqueTokens], opaque: OpaqueTokens
    ) -> None:
        self._jwts = jwts
        self._asked = asked
        self._opaque = opaque

    async def verify(self, raw: str) -> AccessToken:
        """Return what *raw* proves. Raises BearerRefused, ScopeMissing, IssuerUnavailable."""
        issuer = issuer_in(raw)
        if issuer is None:
            return await self._opaque.verify(raw)
        verifier = self._asked.get(issuer, self._jwts)
        return await verifier.verify(raw)


def issuer_in(raw: str) -> str | None:
    """Return the issuer that a JWT claims, empty where it claims none; None for what is no JWT.

    A JWT is what has three parts of which the first is a JSON object; nothing of it is verified here.
    """
    parts = raw.split(".")
    if len(parts) != 3 or len(raw) > LARGEST:
        return None
    try:
        read_object(decode_part(parts[0]), limit=LARGEST)
    except (LoginFailed, JsonRefused):
        return None
    try:
        issuer = read_object(decode_part(parts[1]), limit=LARGEST).get("iss")
    except (LoginFailed, JsonRefused):
        return ""
    return issuer if isinstance(issuer, str) else ""


def _check_types(claims: Claims) -> None:
    """RFC 7662 2.2; numbers are looked at where they are read."""
    for name in _TEXTS:
        if name in claims and not isinstance(claims[name], str):
            raise BearerRefused("invalid", f"access token: {name} in the answer about it is not text")
    audience = claims.get("aud", "")
    listed = audience if isinstance(audience, list) else [audience]
    if not all(isinstance(each, str) for each in listed):
        raise BearerRefused(
            "invalid", "access token: aud in the answer about it is no text and no list of it"
        )


def _check_kind(claims: Claims, trusted: Trusted) -> None:
    """An issuer knows other tokens as well, refresh tokens first of all, and none of them is for us."""
    kinds = [str(claims[name]).lower() for name in _KINDS if name in claims]
    if "dpop" in kinds:
        raise BearerRefused("bound", "access token: it is bound to a key, and came as a bearer's")
    if not all(kind in _ACCESS for kind in kinds):
        raise BearerRefused("invalid", "access token: its issuer calls it another kind of token")
    if not kinds and not trusted.audiences:
        raise BearerRefused("invalid", "access token: its issuer does not say what kind of token it is")


def _check_issuer(claims: Claims, trusted: Trusted) -> None:
    if claims.get("iss", trusted.issuer) != trusted.issuer:
        raise BearerRefused("issuer", "access token: its iss is another issuer")


def _completed(told: Told) -> Claims:
    """Return what was told with what is optional there: a client without a subject is the subject, and
    where no end is told, a day is."""
    claims = {"exp": int(told.asked_at) + DAY, **told.claims}
    if "sub" not in claims and "client_id" in claims:
        claims["sub"] = claims["client_id"]
    return claims

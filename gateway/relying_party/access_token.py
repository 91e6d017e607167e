"""Access tokens of others' clients: our own explicit list of checks (RFC 9068 4, RFC 8725).

Law: one function a check, in the order of `CHECKS`; all must pass. What a token says of its issuer only
chooses among those that were configured; algorithm, audience and keys are that one's. Signature, key and
form are held exactly as an ID token's are.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from gateway.errors import BearerRefused, LoginFailed, ScopeMissing
from gateway.model.bearer import Trusted
from gateway.model.event import Clock
from gateway.model.identity import VerifiedLogin
from gateway.relying_party.claims import verified_login
from gateway.relying_party.id_token import (
    AHEAD,
    EXPIRY_LEEWAY,
    SUBJECT,
    Claims,
    check_signature,
    moment_in,
    take_apart,
)
from gateway.relying_party.jwks import KeySource
from gateway.relying_party.registration import ClaimNames, Registration

ACCESS_TOKEN = "at+jwt"  # noqa: S105 - the name of a type
_KINDS = frozenset({ACCESS_TOKEN, "jwt"})
_STANDARD = ("email", "name", "image", "groups")
# What only ID tokens, logout tokens and events have (RFC 8725 3.12).
_OF_OTHERS = ("nonce", "at_hash", "c_hash", "s_hash", "events")


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessToken:
    """What a token proved. Times are Unix seconds; `issued_at` is None where it does not say.

    `good_until` is when it has to be looked at again, at its end at the latest. With `of_client` it names
    no subject: its client calls, who is nobody's user.
    """

    login: VerifiedLogin
    trusted: Trusted
    expires_at: int
    good_until: int
    issued_at: int | None
    of_client: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """What an access token must say to be for us and of now. `now` in Unix seconds."""

    trusted: Trusted
    kind: str | None
    now: float


class AccessTokens:
    """Verifies the JWTs that one route takes. *keys* are those of each issuer."""

    def __init__(self, trusted: Sequence[Trusted], *, keys: Mapping[str, KeySource], clock: Clock) -> None:
        self._trusted = {each.issuer: each for each in trusted}
        self._algorithms = tuple({name for each in trusted for name in each.algorithms})
        self._registrations = {each.issuer: reading(each) for each in trusted}
        self._keys = keys
        self._clock = clock

    async def verify(self, raw: str) -> AccessToken:
        """Return what *raw* proves, every check passed.

        Raises BearerRefused, ScopeMissing, and IssuerUnavailable where its keys cannot be had.
        """
        try:
            return await self._verify(raw)
        except LoginFailed as refusal:
            raise BearerRefused("invalid", f"access token: {refusal}") from None

    async def _verify(self, raw: str) -> AccessToken:
        token = take_apart(raw, algorithms=self._algorithms, kinds=_KINDS)
        issuer = token.claims.get("iss")
        trusted = self._trusted.get(issuer) if isinstance(issuer, str) else None
        if trusted is None:
            raise BearerRefused("issuer", "access token: its iss is no listed issuer")
        if token.algorithm not in trusted.algorithms:
            raise BearerRefused("invalid", "access token: its alg is not one of its issuer's")
        await check_signature(token, self._keys[trusted.issuer])
        expected = Expectation(trusted=trusted, kind=token.kind, now=self._clock())
        for check in CHECKS:
            check(token.claims, expected)
        login = verified_login(
            token.claims,
            registration=self._registrations[trusted.issuer],
            scope=" ".join(scopes_in(token.claims)),
            access_expires_at=None,
        )
        issued = moment_in(token.claims, "iat")
        ends = int(moment_in(token.claims, "exp") or 0)
        return AccessToken(
            login=login,
            trusted=trusted,
            expires_at=ends,
            good_until=ends,
            issued_at=None if issued is None else int(issued),
        )


def reading(trusted: Trusted) -> Registration:
    """Return how the claims of this issuer are read; we are no client of it here."""
    claims = dict(trusted.claims)
    standard = {name: claims[name] for name in _STANDARD if name in claims}
    keep = tuple(pair for pair in trusted.claims if pair[0] not in (*_STANDARD, "id"))
    return Registration(
        id=trusted.issuer,
        name=trusted.issuer,
        issuer=trusted.issuer,
        client_id=next(iter(trusted.audiences), trusted.issuer),
        client_auth="none",
        algorithms=trusted.algorithms,
        claims=ClaimNames(**standard, keep=keep),
    )


def scopes_in(claims: Claims) -> tuple[str, ...]:
    """Return the scopes of `scope` (RFC 9068 2.2.3), else of `scp`, a list or spaced text."""
    found = claims.get("scope", claims.get("scp", ""))
    listed = found.split(" ") if isinstance(found, str) else found
    return (
        tuple(each for each in listed if isinstance(each, str) and each) if isinstance(listed, list) else ()
    )


def _check_kind(claims: Claims, expected: Expectation) -> None:
    """RFC 9068 4: `typ` says that it is an access token; without one, nothing may say that it is none."""
    if expected.kind not in (None, ACCESS_TOKEN, expected.trusted.typ.lower()):
        raise BearerRefused("invalid", "access token: its typ is that of something else")
    if any(name in claims for name in _OF_OTHERS):
        raise BearerRefused("invalid", "access token: it is an ID token or an event")


def check_audience(claims: Claims, expected: Expectation) -> None:
    """RFC 9068 4: for us, whoever else it is for."""
    audience = claims.get("aud")
    listed = audience if isinstance(audience, list) else [audience]
    if not any(one in expected.trusted.audiences for one in listed if isinstance(one, str)):
        raise BearerRefused("audience", "access token: its aud is another resource")


def _check_expiry(claims: Claims, expected: Expectation) -> None:
    expiry = moment_in(claims, "exp")
    if expiry is None or not 0 < expiry < 2**40:
        raise BearerRefused("invalid", "access token: its exp is missing or no moment")
    if expected.now >= expiry + EXPIRY_LEEWAY:
        raise BearerRefused("expired", "access token: expired")


def _check_times(claims: Claims, expected: Expectation) -> None:
    """RFC 7519 4.1.5 and 4.1.6, where they are there."""
    for name in ("nbf", "iat"):
        moment = moment_in(claims, name)
        if moment is not None and not 0 <= moment <= expected.now + AHEAD:
            raise BearerRefused("invalid", f"access token: its {name} is ahead")


def _check_subject(claims: Claims, _: Expectation) -> None:
    subject = claims.get("sub")
    if not isinstance(subject, str) or not SUBJECT.fullmatch(subject):
        raise BearerRefused("invalid", "access token: its sub is not 1 to 255 printable ASCII characters")


def _check_unbound(claims: Claims, _: Expectation) -> None:
    """RFC 9449 7.1, RFC 8705 3: one bound to a key is of no use without the key, and none is shown here."""
    if "cnf" in claims:
        raise BearerRefused("bound", "access token: it is bound to a key, and came as a bearer's")


def _check_scopes(claims: Claims, expected: Expectation) -> None:
    """Last, for only of a token that holds is it said what it lacks (RFC 6750 3.1)."""
    if not set(expected.trusted.scopes) <= set(scopes_in(claims)):
        raise ScopeMissing("scope", "access token: it lacks a scope")


CHECKS: tuple[Callable[[Claims, Expectation], None], ...] = (
    _check_kind,
    check_audience,
    _check_expiry,
    _check_times,
    _check_subject,
    _check_unbound,
    _check_scopes,
)

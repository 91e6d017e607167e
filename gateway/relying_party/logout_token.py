"""The logout token: our own explicit list of checks (OpenID Connect Back-Channel Logout 1.0, 2.6).

Law: one function a check, in the order of `CHECKS`; all must pass. Signature, algorithm and key are
held exactly as an ID token's are. That a token is used once is for the store to say.
"""

from collections.abc import Callable
from dataclasses import dataclass

from gateway.errors import LoginFailed, LogoutRefused
from gateway.relying_party.claims import LONGEST_VALUE
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

EVENT = "http://schemas.openid.net/event/backchannel-logout"
FRESH = 300
"""Seconds after its `iat` in which a logout token counts, whatever `exp` says."""

_KINDS = frozenset({"logout+jwt", "jwt"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """What a logout token must say to be for us and of now. `now` in Unix seconds."""

    issuer: str
    client_id: str
    algorithms: tuple[str, ...]
    now: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LogoutNotice:
    """What an issuer announced: the end of its session `sid`, without one of all of `subject`'s.

    `id` (`jti`) is the issuer's own name for this notice.
    """

    issuer: str
    id: str
    sid: str | None
    subject: str | None


async def verify(raw: str, *, expectation: Expectation, keys: KeySource) -> LogoutNotice:
    """Return what *raw* announces, every check passed. Raises LogoutRefused, IssuerUnavailable."""
    try:
        token = take_apart(raw, algorithms=expectation.algorithms, kinds=_KINDS)
        await check_signature(token, keys)
        for check in CHECKS:
            check(token.claims, expectation)
    except LoginFailed as refusal:
        raise LogoutRefused(f"logout token: {refusal}") from None
    return LogoutNotice(
        issuer=expectation.issuer,
        id=str(token.claims["jti"]),
        sid=_text(token.claims, "sid"),
        subject=_text(token.claims, "sub"),
    )


def _check_issuer(claims: Claims, expected: Expectation) -> None:
    if claims.get("iss") != expected.issuer:
        raise LogoutRefused("iss is not the issuer")


def _check_audience(claims: Claims, expected: Expectation) -> None:
    """For us, and for nobody else: as for ID tokens (Core 3.1.3.7 (3))."""
    audience = claims.get("aud")
    listed = audience if isinstance(audience, list) else [audience]
    if not listed or any(one != expected.client_id for one in listed):
        raise LogoutRefused("aud is not our client_id alone")


def _check_issued(claims: Claims, expected: Expectation) -> None:
    issued = moment_in(claims, "iat")
    if issued is None or not expected.now - FRESH <= issued <= expected.now + AHEAD:
        raise LogoutRefused("iat is missing, too old or ahead")


def _check_expiry(claims: Claims, expected: Expectation) -> None:
    """Held where it is there: earlier drafts have no `exp`, and `iat` bounds every token anyway."""
    expiry = moment_in(claims, "exp")
    if expiry is not None and expected.now >= expiry + EXPIRY_LEEWAY:
        raise LogoutRefused("expired")


def _check_not_before(claims: Claims, expected: Expectation) -> None:
    start = moment_in(claims, "nbf")
    if start is not None and start > expected.now + AHEAD:
        raise LogoutRefused("not valid yet")


def _check_id(claims: Claims, _: Expectation) -> None:
    if _text(claims, "jti") is None:
        raise LogoutRefused("no jti")


def _check_event(claims: Claims, _: Expectation) -> None:
    """2.4: `events` is an object in which this event's member is an object."""
    events = claims.get("events")
    if not isinstance(events, dict) or not isinstance(events.get(EVENT), dict):
        raise LogoutRefused("not a back-channel logout event")


def _check_no_nonce(claims: Claims, _: Expectation) -> None:
    """2.4: a `nonce` would make it pass for an ID token."""
    if "nonce" in claims:
        raise LogoutRefused("it has a nonce")


def _check_whom(claims: Claims, _: Expectation) -> None:
    if _text(claims, "sid") is None and _text(claims, "sub") is None:
        raise LogoutRefused("neither sid nor sub")
    subject = claims.get("sub")
    if "sub" in claims and (not isinstance(subject, str) or not SUBJECT.fullmatch(subject)):
        raise LogoutRefused("sub is not 1 to 255 printable ASCII characters")


CHECKS: tuple[Callable[[Claims, Expectation], None], ...] = (
    _check_issuer,
    _check_audience,
    _check_issued,
    _check_expiry,
    _check_not_before,
    _check_id,
    _check_event,
    _check_no_nonce,
    _check_whom,
)


def _text(claims: Claims, name: str) -> str | None:
    """Return the claim *name*, None where it is absent; what is no text of a bearable length is refused."""
    if name not in claims:
        return None
    value = claims[name]
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_VALUE:
        raise LogoutRefused(f"{name} is not 1 to {LONGEST_VALUE} characters")
    return value

"""The ID token: our own explicit list of checks (OpenID Connect Core 3.1.3.7, RFC 8725).

Law: one function a check, in the order of `CHECKS`; all must pass. The token is never asked which
algorithm, key, issuer or audience to use. joserfc only computes signatures: header and claims are
read by our strict reader, once, from the very bytes that were signed.
"""

import hashlib
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from hmac import compare_digest
from math import isfinite

from joserfc.jwk import Key
from joserfc.jws import JWSRegistry

from gateway.errors import LoginFailed
from gateway.model.grant import Token
from gateway.relying_party.jwks import LONGEST_KID, Keys, KeySource
from gateway.relying_party.strict_json import JsonRefused, read_object

LARGEST = 16 * 1024
EXPIRY_LEEWAY = 30
AHEAD = 60
DAY = 86400
MOST_CANDIDATES = 4
ID_TOKEN_KINDS = frozenset({"jwt"})

Claims = dict[str, object]

_COMPACT = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)")
SUBJECT = re.compile(r"[\x20-\x7e]{1,255}")
_HASHES = {
    **{f"{family}256": hashlib.sha256 for family in ("RS", "PS", "ES", "HS")},
    **{f"{family}384": hashlib.sha384 for family in ("RS", "PS", "ES", "HS")},
    **{f"{family}512": hashlib.sha512 for family in ("RS", "PS", "ES", "HS")},
    "EdDSA": hashlib.sha512,
    "Ed25519": hashlib.sha512,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """What an ID token must say to be the one that this login waits for. `now` in Unix seconds."""

    issuer: str
    client_id: str
    nonce: str
    algorithms: tuple[str, ...]
    now: float
    access_token: str = field(repr=False)
    code: str = field(repr=False)
    max_age: int | None = None
    signed_claims: tuple[tuple[str, str], ...] = ()
    trusted_audiences: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedToken:
    """A compact JWS taken apart (RFC 7515 7.1), its header checked, its signature not yet.

    `kind` is `typ` in lower case and without `application/`, None where the header has none.
    """

    algorithm: str
    kid: str | None
    claims: Claims = field(repr=False)
    signing_input: bytes = field(repr=False)
    signature: bytes = field(repr=False)
    kind: str | None = None


async def verify(raw: str, *, expectation: Expectation, keys: KeySource) -> Claims:
    """Return the claims of *raw*, every check passed. Raises LoginFailed, IssuerUnavailable.

    The claims are read only to be thrown away where the signature does not hold.
    """
    token = take_apart(raw, algorithms=expectation.algorithms)
    await check_signature(token, keys)
    for check in CHECKS:
        check(token.claims, expectation)
    _check_hash("at_hash", token, expectation.access_token)
    _check_hash("c_hash", token, expectation.code)
    return token.claims


async def verify_refreshed(raw: str, *, expectation: Expectation, subject: str, keys: KeySource) -> Claims:
    """Return the claims of an ID token that a refresh brought (OpenID Connect Core 12.2).

    It is about the same *subject*, and may leave out the nonce and the signed claims that *expectation*
    has, not change them.
    Its login may be as old as it is. Raises LoginFailed, IssuerUnavailable.
    """
    token = take_apart(raw, algorithms=expectation.algorithms)
    await check_signature(token, keys)
    told = tuple(pair for pair in expectation.signed_claims if pair[0] in token.claims)
    expected = replace(expectation, signed_claims=told)
    for check in CHECKS:
        if check is not _check_nonce or "nonce" in token.claims:
            check(token.claims, expected)
    if token.claims.get("sub") != subject:
        raise LoginFailed("the refreshed ID token is about somebody else")
    _check_hash("at_hash", token, expectation.access_token)
    return token.claims


def as_token(raw: str, claims: Claims, *, now: float) -> Token:
    """Return an ID token whose *claims* were verified *now* as one that can be passed on."""
    return Token(value=raw, received_at=int(now), expires_at=int(moment_in(claims, "exp") or now))


def claims_in(kept: Token, *, algorithms: tuple[str, ...]) -> Claims:
    """Return the claims of an ID token that was verified when it came, and kept. Raises LoginFailed."""
    return take_apart(kept.value, algorithms=algorithms).claims


def take_apart(
    raw: str, *, algorithms: tuple[str, ...], kinds: frozenset[str] = ID_TOKEN_KINDS
) -> SignedToken:
    """Return *raw* as header, claims and signature: compact form only, canonical base64url, 16 KiB.

    *kinds* are the values of `typ` that will do, in lower case and without `application/`.
    """
    parts = _COMPACT.fullmatch(raw) if len(raw) <= LARGEST else None
    if parts is None:
        raise LoginFailed("the ID token is not a compact JWS of at most 16 KiB")
    header, payload, signature = (decode_part(part) for part in parts.groups())
    try:
        head = read_object(header, limit=LARGEST)
        claims = read_object(payload, limit=LARGEST)
    except JsonRefused as error:
        raise LoginFailed(f"the ID token: {error}") from None
    return SignedToken(
        algorithm=_algorithm(head, algorithms, kinds),
        kid=_kid(head),
        claims=claims,
        signing_input=raw.rpartition(".")[0].encode("ascii"),
        signature=signature,
        kind=_kind(head),
    )


def decode_part(part: str) -> bytes:
    """Return the bytes of one part of a compact JWS, written in the one canonical way."""
    try:
        decoded = urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except ValueError:
        raise LoginFailed("the ID token is not base64url") from None
    if urlsafe_b64encode(decoded).rstrip(b"=") != part.encode("ascii"):
        raise LoginFailed("the ID token is not canonical base64url")
    return decoded


def _algorithm(header: dict[str, object], allowed: tuple[str, ...], kinds: frozenset[str]) -> str:
    """Return `alg`, which must be a configured one (RFC 8725 3.1); extensions are refused.

    `jwk`, `jku`, `x5u` and `x5c` are not looked at (RFC 8725 3.10).
    """
    algorithm = header.get("alg")
    if not isinstance(algorithm, str) or algorithm not in allowed:
        raise LoginFailed("the ID token's alg is not a configured one")
    if "crit" in header or "b64" in header:
        raise LoginFailed("the ID token needs an extension that we do not know")
    if (_kind(header) or "jwt") not in kinds:
        raise LoginFailed("the token is of another type than the one expected")
    return algorithm


def _kind(header: dict[str, object]) -> str | None:
    kind = header.get("typ")
    if kind is None and "typ" not in header:
        return None
    return kind.lower().removeprefix("application/") if isinstance(kind, str) and kind else "?"


def _kid(header: dict[str, object]) -> str | None:
    kid = header.get("kid")
    if kid is None and "kid" not in header:
        return None
    if not isinstance(kid, str) or len(kid) > LONGEST_KID:
        raise LoginFailed("the ID token's kid is not a string of at most 256 characters")
    return kid


async def check_signature(token: SignedToken, source: KeySource) -> None:
    """Hold the signature against the known keys, and once more where the issuer has newer ones."""
    keys = await source.current()
    if _signed_by_one(token, keys):
        return
    newer = await source.newer(than=keys)
    if newer is keys or not _signed_by_one(token, newer):
        raise LoginFailed("the ID token is signed by no key of the issuer")


def _signed_by_one(token: SignedToken, keys: Keys) -> bool:
    candidates = keys.matching(token.kid, token.algorithm)
    return len(candidates) <= MOST_CANDIDATES and any(_signed_by(token, key) for key in candidates)


def _signed_by(token: SignedToken, key: Key) -> bool:
    algorithm = JWSRegistry.algorithms[token.algorithm]
    try:
        return algorithm.verify(token.signing_input, token.signature, key)
    except Exception:
        # Whatever a cryptographic library raises on foreign bytes, it did not verify them.
        return False


def _check_issuer(claims: Claims, expected: Expectation) -> None:
    """3.1.3.7 (2): exactly the issuer that was asked."""
    if claims.get("iss") != expected.issuer:
        raise LoginFailed("the ID token's iss is not the issuer")


def _check_audience(claims: Claims, expected: Expectation) -> None:
    """3.1.3.7 (3): for us, and for nobody whom the configuration does not trust."""
    listed = _listed_audiences(claims)
    trusted = (expected.client_id, *expected.trusted_audiences)
    if expected.client_id not in listed or any(one not in trusted for one in listed):
        raise LoginFailed("the ID token's aud is not our client_id alone, or with others that are trusted")


def _check_authorized_party(claims: Claims, expected: Expectation) -> None:
    """3.1.3.7 (4, 5): `azp`, where it is there, is us; it is there where `aud` names others too.

    Without it, a token that was issued to another client of theirs could be presented as ours.
    """
    shared = any(one != expected.client_id for one in _listed_audiences(claims))
    if ("azp" in claims or shared) and claims.get("azp") != expected.client_id:
        raise LoginFailed("the ID token's azp is not our client_id")


def _listed_audiences(claims: Claims) -> list[object]:
    audience = claims.get("aud")
    return audience if isinstance(audience, list) else [audience]


def _check_expiry(claims: Claims, expected: Expectation) -> None:
    """3.1.3.7 (9): a finite `exp`, less than a day away; with the leeway spent, the edge is over."""
    expiry = moment_in(claims, "exp")
    if expiry is None or expiry <= 0 or not _is_near(expiry, moment_in(claims, "iat"), expected.now):
        raise LoginFailed("the ID token's exp is missing or not a moment within a day")
    if expected.now >= expiry + EXPIRY_LEEWAY:
        raise LoginFailed("the ID token is expired")


def _is_near(expiry: float, issued: float | None, now: float) -> bool:
    """Say whether a token is good for a day at most, also by a clock ahead of ours as far as `iat` may be."""
    if issued is not None and issued > now:
        return expiry <= issued + DAY
    return expiry < now + DAY


def _check_issued(claims: Claims, expected: Expectation) -> None:
    """3.1.3.7 (10): issued within the last day, and not in the future."""
    issued = moment_in(claims, "iat")
    if issued is None or not expected.now - DAY <= issued <= expected.now + AHEAD:
        raise LoginFailed("the ID token's iat is missing, too old or ahead")


def _check_not_before(claims: Claims, expected: Expectation) -> None:
    """RFC 7519 4.1.5."""
    start = moment_in(claims, "nbf")
    if start is not None and start > expected.now + AHEAD:
        raise LoginFailed("the ID token is not valid yet")


def _check_nonce(claims: Claims, expected: Expectation) -> None:
    """3.1.3.7 (11): the nonce of this login, always."""
    nonce = claims.get("nonce")
    if not isinstance(nonce, str) or not compare_digest(nonce.encode(), expected.nonce.encode()):
        raise LoginFailed("the ID token's nonce is not that of this login")


def _check_subject(claims: Claims, _: Expectation) -> None:
    """Section 2: 1 to 255 ASCII characters."""
    subject = claims.get("sub")
    if not isinstance(subject, str) or not SUBJECT.fullmatch(subject):
        raise LoginFailed("the ID token's sub is not 1 to 255 printable ASCII characters")


def _check_kind(claims: Claims, _: Expectation) -> None:
    """RFC 8725 3.12: a logout or security event token is never an ID token."""
    if "events" in claims:
        raise LoginFailed("the token is an event token, not an ID token")


def _check_login_time(claims: Claims, expected: Expectation) -> None:
    """3.1.3.7 (13): a plausible `auth_time`, and a young one where the operator asks for that."""
    moment = moment_in(claims, "auth_time")
    if moment is not None and not 0 < moment <= expected.now + AHEAD:
        raise LoginFailed("the ID token's auth_time is not a moment of the past")
    if expected.max_age is None:
        return
    if moment is None or expected.now - moment > expected.max_age + EXPIRY_LEEWAY:
        raise LoginFailed("the login at the issuer is older than max_age")


def _check_signed_claims(claims: Claims, expected: Expectation) -> None:
    """What the configuration asks of every ID token, such as the organisation that an account is of."""
    for name, value in expected.signed_claims:
        if claims.get(name) != value:
            raise LoginFailed(f"the ID token's {name} is not the one that is configured")


CHECKS: tuple[Callable[[Claims, Expectation], None], ...] = (
    _check_issuer,
    _check_audience,
    _check_authorized_party,
    _check_expiry,
    _check_issued,
    _check_not_before,
    _check_nonce,
    _check_subject,
    _check_kind,
    _check_login_time,
    _check_signed_claims,
)


def _check_hash(name: str, token: SignedToken, hashed: str) -> None:
    """3.1.3.6 and 3.3.2.11: half a hash of the token or code it came with, where it is there."""
    if name not in token.claims:
        return
    claimed = token.claims[name]
    algorithm = _HASHES.get(token.algorithm)
    if not isinstance(claimed, str) or algorithm is None:
        raise LoginFailed(f"the ID token's {name} cannot be checked")
    digest = algorithm(hashed.encode("ascii")).digest()
    half = urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=")
    if not compare_digest(claimed.encode(), half):
        raise LoginFailed(f"the ID token's {name} does not match")


def moment_in(claims: Claims, name: str) -> float | None:
    """Return the NumericDate *name* (RFC 7519 2), None where it is absent; anything else is refused."""
    if name not in claims:
        return None
    value = claims[name]
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise LoginFailed(f"the ID token's {name} is not a number")
    return float(value)

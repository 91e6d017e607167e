"""Signed authorization responses (JARM): one JWT in place of every parameter, verified before it is read.

Law: what stands beside the JWT is refused, not ignored, so that nothing unsigned is ever taken for the
response (JARM 2.4); algorithm and keys are those of ID tokens.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.errors import LoginFailed
from gateway.relying_party.authorization import CallbackResponse, read_response
from gateway.relying_party.id_token import DAY, EXPIRY_LEEWAY, Claims, check_signature, moment_in, take_apart
from gateway.relying_party.jwks import KeySource

_PARAMETERS = ("code", "state", "iss", "error", "error_description")


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """What a response must say to be for us and of now. `now` in Unix seconds."""

    issuer: str
    client_id: str
    algorithms: tuple[str, ...]
    now: float


async def verify(
    pairs: Sequence[tuple[str, str]], *, expectation: Expectation, keys: KeySource
) -> CallbackResponse:
    """Return the response in the JWT that *pairs* carry, every check passed.

    Raises LoginFailed, IssuerUnavailable.
    """
    claims = await _verified(_only(pairs), expectation, keys)
    _check_addressed(claims, expectation)
    _check_time(claims, expectation)
    return read_response([(name, _text(claims, name)) for name in _PARAMETERS if name in claims])


def _only(pairs: Sequence[tuple[str, str]]) -> str:
    found = [value for name, value in pairs if name == "response"]
    if len(found) != 1 or any(name in _PARAMETERS for name, _ in pairs):
        raise LoginFailed("the response is not one signed response and nothing beside it")
    return found[0]


async def _verified(raw: str, expectation: Expectation, keys: KeySource) -> Claims:
    try:
        token = take_apart(raw, algorithms=expectation.algorithms)
        await check_signature(token, keys)
    except LoginFailed as error:
        raise LoginFailed(f"the signed response, held as an ID token is: {error}") from None
    return token.claims


def _check_addressed(claims: Claims, expected: Expectation) -> None:
    """2.4 (3, 4): from the issuer that was asked, for us alone, and no other kind of token."""
    if claims.get("iss") != expected.issuer:
        raise LoginFailed("the signed response's iss is not the issuer")
    if claims.get("aud") not in (expected.client_id, [expected.client_id]):
        raise LoginFailed("the signed response's aud is not our client_id alone")
    if "sub" in claims or "nonce" in claims or "events" in claims:
        raise LoginFailed("the token is another kind of token than a signed response")


def _check_time(claims: Claims, expected: Expectation) -> None:
    """2.4 (5): not expired; it is meant to live for minutes."""
    expiry = moment_in(claims, "exp")
    if expiry is None or not 0 < expiry < expected.now + DAY:
        raise LoginFailed("the signed response's exp is missing or not a moment within a day")
    if expected.now >= expiry + EXPIRY_LEEWAY:
        raise LoginFailed("the signed response is expired")


def _text(claims: Claims, name: str) -> str:
    value = claims[name]
    if not isinstance(value, str):
        raise LoginFailed(f"the signed response's {name} is not text")
    return value

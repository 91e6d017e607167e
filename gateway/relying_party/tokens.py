"""The token request: a code for tokens, once (RFC 6749 4.1.3, OpenID Connect Core 3.1.3)."""

import re
from dataclasses import dataclass, field

from gateway.errors import IssuerUnavailable, LoginFailed
from gateway.model.grant import Token
from gateway.model.login import PendingLogin
from gateway.relying_party import twitch
from gateway.relying_party.authorization import plain_word
from gateway.relying_party.backchannel import BackChannel
from gateway.relying_party.discovery import IssuerMetadata
from gateway.relying_party.dpop import DpopKey
from gateway.relying_party.http import MEBIBYTE, IssuerAnswer
from gateway.relying_party.registration import Registration
from gateway.relying_party.strict_json import JsonRefused, read_object

_LONGEST_LIFE = 10 * 365 * 86400
_TOKEN = re.compile(r"[\x21-\x7e]{1,16384}")
_SCOPE = re.compile(r"[\x20-\x7e]{0,4096}")


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenAnswer:
    """What the token endpoint gave. `id_token` is unverified; `expires_in` is seconds or None."""

    access_token: str = field(repr=False)
    id_token: str = field(repr=False)
    scope: str
    expires_in: int | None
    refresh_token: str | None = field(default=None, repr=False)


async def exchange(
    code: str,
    *,
    pending: PendingLogin,
    metadata: IssuerMetadata,
    issuer: BackChannel,
    key: DpopKey | None = None,
) -> TokenAnswer:
    """Return the tokens for *code*, asked for exactly once; the access token is bound to *key*.

    Raises LoginFailed where the issuer refuses or its tokens are not of the kind that was asked
    for, IssuerUnavailable where it does not answer as a token endpoint does.
    """
    document = await redeemed(code, pending=pending, metadata=metadata, issuer=issuer, key=key)
    return _read_tokens(document, issuer.registration)


async def redeemed(
    code: str,
    *,
    pending: PendingLogin,
    metadata: IssuerMetadata,
    issuer: BackChannel,
    key: DpopKey | None = None,
) -> dict[str, object]:
    """Return what the token endpoint gives for *code*, asked exactly once, nothing of it read yet.

    Raises LoginFailed where the issuer refuses, IssuerUnavailable where it does not answer as a token
    endpoint does.
    """
    form = [
        ("grant_type", "authorization_code"),
        ("redirect_uri", pending.redirect_uri),
        ("code", code),
        ("code_verifier", pending.verifier),
    ]
    document = answered(await issuer.post(metadata.token_endpoint, form, key=key))
    if "error" in document:
        raise LoginFailed(f"the token endpoint says {plain_word(document['error'])}")
    return document


def answered(answer: IssuerAnswer) -> dict[str, object]:
    """Return the document that a token endpoint gave; a refusal has `error` in it (RFC 6749 5.2).

    Raises IssuerUnavailable for whatever is no answer of a token endpoint.
    """
    if answer.status not in (200, 400, 401):
        raise IssuerUnavailable(f"the token endpoint answered {answer.status}")
    try:
        document = read_object(answer.body, limit=MEBIBYTE)
    except JsonRefused as error:
        raise IssuerUnavailable(f"the token endpoint's answer: {error}") from None
    if answer.status != 200:
        document.setdefault("error", None)
    return document


def _read_tokens(document: dict[str, object], registration: Registration) -> TokenAnswer:
    value = read_access_token(document, bound=registration.dpop)
    id_token = document.get("id_token")
    if not isinstance(id_token, str):
        raise LoginFailed("the token answer has no id_token")
    return TokenAnswer(
        access_token=value,
        id_token=id_token,
        scope=read_scope(document, registration),
        expires_in=lifetime(document),
        refresh_token=read_refresh_token(document),
    )


def read_scope(document: dict[str, object], registration: Registration) -> str:
    """Return the scope; left out, it is the one asked for (RFC 6749 5.1). Raises LoginFailed."""
    scope = document.get("scope", " ".join(registration.scopes))
    if registration.steps == "twitch":
        scope = twitch.scope_in(scope)
    if not isinstance(scope, str) or not _SCOPE.fullmatch(scope):
        raise LoginFailed("the token answer's scope is not plain text")
    return scope


def read_access_token(document: dict[str, object], *, bound: bool = False) -> str:
    """Return the access token, which must be of printable ASCII and of the type that was asked for.

    That is Bearer, or DPoP where it is to be *bound* to our key (RFC 9449 5). Raises LoginFailed.
    """
    kind, wanted = document.get("token_type"), "DPoP" if bound else "Bearer"
    if not isinstance(kind, str) or kind.lower() != wanted.lower():
        raise LoginFailed(f"the access token is not of type {wanted}")
    value = document.get("access_token")
    if not isinstance(value, str) or not _TOKEN.fullmatch(value):
        raise LoginFailed("the token answer has no usable access_token")
    return value


def read_refresh_token(document: dict[str, object]) -> str | None:
    """Return the refresh token, None where there is none. Raises LoginFailed for one of no use."""
    refresh_token = document.get("refresh_token")
    if refresh_token is None:
        return None
    if not isinstance(refresh_token, str) or not _TOKEN.fullmatch(refresh_token):
        raise LoginFailed("the token answer's refresh_token is not usable")
    return refresh_token


def access_token(value: str, expires_in: int | None, *, now: float) -> Token:
    """Return an access token that was received *now*."""
    received_at = int(now)
    expires_at = None if expires_in is None else received_at + expires_in
    return Token(value=value, received_at=received_at, expires_at=expires_at)


def lifetime(document: dict[str, object]) -> int | None:
    """Return `expires_in`, which some issuers write as a string; None where it says nothing."""
    value = document.get("expires_in")
    if isinstance(value, str) and len(value) <= 10 and value.isascii() and value.isdigit():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 < value <= _LONGEST_LIFE else None

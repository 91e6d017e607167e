"""The refresh grant: new tokens for a refresh token, presented once (RFC 6749 6, OpenID Connect Core 12)."""

from collections.abc import Sequence
from dataclasses import replace

from gateway.errors import (
    GrantForeign,
    GrantRefused,
    IssuerUnavailable,
    LoginFailed,
    RefreshUnverified,
    TokenRefused,
)
from gateway.model.grant import ProviderTokens, Token
from gateway.relying_party import id_token, tokens, twitch
from gateway.relying_party.authorization import plain_word
from gateway.relying_party.backchannel import BackChannel
from gateway.relying_party.decryption import signed_id_token
from gateway.relying_party.discovery import IssuerMetadata
from gateway.relying_party.dpop import DpopKey
from gateway.relying_party.jwks import KeySource
from gateway.relying_party.registration import Registration

_OVER = "invalid_grant"
_NO_SUCH = "invalid_target"  # RFC 8707 2


async def refreshed(
    kept: ProviderTokens,
    *,
    subject: str,
    resource: str | None,
    metadata: IssuerMetadata,
    issuer: BackChannel,
    registration: Registration,
    keys: KeySource,
    now: float,
) -> ProviderTokens:
    """Return *kept* with the tokens that its refresh token brought; what did not come stays as it was.

    A new ID token is held against *registration*, and verified with *keys*.

    Raises GrantRefused where the issuer says `invalid_grant`, GrantForeign where what it gave does not
    verify or is about another than *subject*, TokenRefused where it gives no token for *resource*,
    IssuerUnavailable for every other answer and for none: a fault of our registration ends nobody's
    grant. That is RefreshUnverified where another refresh token came, but the keys cannot be had or the
    access token is of another type.
    """
    if kept.refresh_token is None:
        raise GrantRefused("there is no refresh token")
    asked = [("grant_type", "refresh_token"), ("refresh_token", kept.refresh_token)]
    asked += [("resource", resource)] if resource else []
    key = DpopKey(text=kept.dpop_key) if kept.dpop_key else issuer.fresh_key()
    document = await answered(asked, metadata=metadata, issuer=issuer, key=key)
    access_token, refresh_token = read_tokens(document, metadata.issuer, now=now, bound=key is not None)
    try:
        new = await _id_token(
            document,
            kept,
            access_token,
            subject=subject,
            registration=registration,
            keys=keys,
            now=now,
        )
    except LoginFailed as error:
        raise GrantForeign(str(error)) from None
    except IssuerUnavailable as error:
        if refresh_token is None:
            raise
        raise RefreshUnverified(str(error), refresh_token=refresh_token) from None
    return replace(
        kept.with_access(resource, access_token),
        refresh_token=refresh_token or kept.refresh_token,
        id_token=new or kept.id_token,
        dpop_key=None if key is None else key.text,
    )


async def answered(
    asked: Sequence[tuple[str, str]],
    *,
    metadata: IssuerMetadata,
    issuer: BackChannel,
    key: DpopKey | None = None,
) -> dict[str, object]:
    """Return what the token endpoint gives for a refresh token. Raises as `refreshed` does."""
    document = tokens.answered(await issuer.post(metadata.token_endpoint, asked, key=key))
    if "error" not in document:
        return document
    word = plain_word(document["error"])
    if word == _OVER or (issuer.registration.steps == "twitch" and twitch.is_over(document)):
        raise GrantRefused(f"the issuer says {_OVER}")
    if word == _NO_SUCH:
        raise TokenRefused("the issuer says invalid_target")
    raise IssuerUnavailable(f"{metadata.issuer}: the token endpoint says {word}")


def read_tokens(
    document: dict[str, object], issuer: str, *, now: float, bound: bool = False
) -> tuple[Token, str | None]:
    """Return access and refresh token of *issuer*'s answer.

    Raises IssuerUnavailable for one of no use; that is RefreshUnverified where another refresh token came.
    """
    try:
        refresh_token = tokens.read_refresh_token(document)
    except LoginFailed as error:
        raise IssuerUnavailable(f"{issuer}: {error}") from None
    try:
        value = tokens.read_access_token(document, bound=bound)
    except LoginFailed as error:
        if refresh_token is None:
            raise IssuerUnavailable(f"{issuer}: {error}") from None
        raise RefreshUnverified(f"{issuer}: {error}", refresh_token=refresh_token) from None
    return tokens.access_token(value, tokens.lifetime(document), now=now), refresh_token


async def _id_token(
    document: dict[str, object],
    kept: ProviderTokens,
    access_token: Token,
    *,
    subject: str,
    registration: Registration,
    keys: KeySource,
    now: float,
) -> Token | None:
    raw = document.get("id_token")
    if raw is None:
        return None
    if not isinstance(raw, str):
        raise LoginFailed("the refreshed ID token is not text")
    raw = signed_id_token(raw, registration)
    expectation = id_token.Expectation(
        issuer=registration.issuer,
        client_id=registration.client_id,
        nonce=kept.nonce or "",
        algorithms=registration.algorithms,
        now=now,
        access_token=access_token.value,
        code="",
        signed_claims=registration.signed_claims,
        trusted_audiences=registration.trusted_audiences,
    )
    claims = await id_token.verify_refreshed(raw, expectation=expectation, subject=subject, keys=keys)
    return id_token.as_token(raw, claims, now=now)

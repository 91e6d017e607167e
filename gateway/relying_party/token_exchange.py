"""Token exchange: a token made for one upstream, for the access token of its caller (RFC 8693)."""

from gateway.errors import IssuerUnavailable, LoginFailed, TokenRefused
from gateway.model.grant import Token
from gateway.relying_party import tokens
from gateway.relying_party.authorization import plain_word
from gateway.relying_party.backchannel import BackChannel
from gateway.relying_party.discovery import IssuerMetadata

_GRANT = "urn:ietf:params:oauth:grant-type:token-exchange"
_KIND = "urn:ietf:params:oauth:token-type:"
_FIT = frozenset({f"{_KIND}access_token", f"{_KIND}jwt"})


async def exchanged(
    subject: Token,
    *,
    audience: str,
    resource: str | None,
    metadata: IssuerMetadata,
    issuer: BackChannel,
    now: float,
) -> Token:
    """Return an access token for *audience*, and for *resource* where one is named, on behalf of *subject*'s
    holder (section 2).

    Raises TokenRefused where the issuer says no, IssuerUnavailable where it gives no answer as it should.
    """
    asked = [
        ("grant_type", _GRANT),
        ("subject_token", subject.value),
        ("subject_token_type", f"{_KIND}access_token"),
        ("requested_token_type", f"{_KIND}access_token"),
        ("audience", audience),
        *([("resource", resource)] if resource else []),
    ]
    document = tokens.answered(await issuer.post(metadata.token_endpoint, asked))
    if "error" in document:
        raise TokenRefused(f"{metadata.issuer}: token exchange: {plain_word(document['error'])}")
    if document.get("issued_token_type") not in _FIT:
        raise IssuerUnavailable(f"{metadata.issuer}: token exchange gave another type of token")
    try:
        value = tokens.read_access_token(document)
    except LoginFailed as error:
        raise IssuerUnavailable(f"{metadata.issuer}: token exchange: {error}") from None
    return tokens.access_token(value, tokens.lifetime(document), now=now)

"""Revocation: an issuer is told to forget a token (RFC 7009)."""

from gateway.errors import IssuerUnavailable
from gateway.model.grant import ProviderTokens
from gateway.relying_party.backchannel import BackChannel

DEADLINE = 2.0
_LARGEST = 64 * 1024


async def revoke(tokens: ProviderTokens, *, endpoint: str, issuer: BackChannel) -> bool:
    """Have the issuer forget *tokens*, the refresh token first; say whether it took both.

    What it refuses it would refuse again (section 2.2.1), so that is not raised. Raises
    IssuerUnavailable where it gives no answer, or asks to come back later.
    """
    held = [("access_token", tokens.access_token.value)]
    if tokens.refresh_token is not None:
        held.insert(0, ("refresh_token", tokens.refresh_token))
    taken = True
    for kind, token in held:
        form = [("token", token), ("token_type_hint", kind)]
        answer = await issuer.post(endpoint, form, limit=_LARGEST, deadline=DEADLINE)
        if answer.status >= 500 or answer.status == 429:
            raise IssuerUnavailable(f"{issuer.registration.issuer}: revocation answered {answer.status}")
        taken = taken and answer.status == 200
    return taken

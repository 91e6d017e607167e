"""The UserInfo request (OpenID Connect Core 5.3)."""

from gateway.errors import IssuerUnavailable, LoginFailed
from gateway.relying_party.backchannel import BackChannel
from gateway.relying_party.decryption import opened
from gateway.relying_party.dpop import DpopKey
from gateway.relying_party.http import MEBIBYTE, IssuerAnswer
from gateway.relying_party.id_token import Claims, check_signature, take_apart
from gateway.relying_party.jwks import KeySource
from gateway.relying_party.registration import Registration
from gateway.relying_party.strict_json import JsonRefused, read_object


async def fetch(
    endpoint: str,
    *,
    access_token: str,
    subject: str,
    issuer: BackChannel,
    keys: KeySource,
    key: DpopKey | None = None,
) -> Claims:
    """Return what the issuer tells about *subject*: an object with exactly that `sub` (5.3.2).

    It is JSON, or signed, or signed and encrypted, as configured and not otherwise. Raises LoginFailed
    where the answer is about somebody else or is no object, IssuerUnavailable where there is none.
    """
    answer = await issuer.get(endpoint, access_token=access_token, key=key)
    if answer.status in (401, 403):
        raise LoginFailed("userinfo refuses the access token just issued")
    if answer.status != 200:
        raise IssuerUnavailable(f"userinfo answered {answer.status}")
    told = await _claims(answer, issuer.registration, keys)
    if told.get("sub") != subject:
        raise LoginFailed("userinfo is about another subject")
    return told


async def _claims(answer: IssuerAnswer, registration: Registration, keys: KeySource) -> Claims:
    try:
        if registration.userinfo_format == "json":
            return read_object(answer.body, limit=MEBIBYTE)
        return await _signed(answer, registration, keys)
    except (JsonRefused, LoginFailed) as error:
        raise LoginFailed(f"userinfo: {error}") from None


async def _signed(answer: IssuerAnswer, registration: Registration, keys: KeySource) -> Claims:
    """Return the claims of a signed answer, which says by whom and for whom it is (5.3.2)."""
    if answer.kind != "application/jwt" or not answer.body.isascii():
        raise LoginFailed("the answer is not a JWT, as was asked for")
    raw = answer.body.decode("ascii")
    raw = opened(raw, registration) if registration.userinfo_format == "encrypted" else raw
    token = take_apart(raw, algorithms=registration.algorithms)
    await check_signature(token, keys)
    if token.claims.get("iss") != registration.issuer:
        raise LoginFailed("the answer's iss is not the issuer")
    if token.claims.get("aud") not in (registration.client_id, [registration.client_id]):
        raise LoginFailed("the answer's aud is not our client_id alone")
    return token.claims

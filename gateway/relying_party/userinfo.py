"""The UserInfo request (OpenID Connect Core 5.3)."""

from gateway.errors import IssuerUnavailable, LoginFailed
from gateway.relying_party.backchannel import BackChannel
from gateway.relying_party.dpop import DpopKey
from gateway.relying_party.http import MEBIBYTE
from gateway.relying_party.strict_json import JsonRefused, read_object


async def fetch(
    endpoint: str, *, access_token: str, subject: str, issuer: BackChannel, key: DpopKey | None = None
) -> dict[str, object]:
    """Return what the issuer tells about *subject*: a JSON object with exactly that `sub` (5.3.2).

    Raises LoginFailed where the answer is about somebody else or is no object, IssuerUnavailable
    where there is none.
    """
    answer = await issuer.get(endpoint, access_token=access_token, key=key)
    if answer.status in (401, 403):
        raise LoginFailed("userinfo refuses the access token just issued")
    if answer.status != 200:
        raise IssuerUnavailable(f"userinfo answered {answer.status}")
    try:
        told = read_object(answer.body, limit=MEBIBYTE)
    except JsonRefused as error:
        raise LoginFailed(f"userinfo: {error}") from None
    if told.get("sub") != subject:
        raise LoginFailed("userinfo is about another subject")
    return told

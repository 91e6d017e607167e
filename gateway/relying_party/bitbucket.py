"""Bitbucket's own: the confirmed primary e-mail, which its userinfo does not have."""

from collections.abc import Awaitable, Callable

from gateway.errors import LoginFailed
from gateway.relying_party.claims import Claims
from gateway.relying_party.registration import Registration

Ask = Callable[[str], Awaitable[object]]


async def completed(told: Claims, *, ask: Ask, registration: Registration) -> Claims:
    """Return what userinfo *told* with `email` and `email_verified` as Bitbucket's API has them.

    Raises LoginFailed, IssuerUnavailable.
    """
    answer = await ask("/emails?pagelen=100")
    listed = answer.get("values") if isinstance(answer, dict) else None
    if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
        raise LoginFailed("Bitbucket's list of e-mail addresses is no list of objects")
    email = next((each.get("email") for each in listed if _is_primary(each)), None)
    return {**told, "email": email, "email_verified": email is not None}


def _is_primary(email: dict[str, object]) -> bool:
    return email.get("is_primary") is True and email.get("is_confirmed") is True

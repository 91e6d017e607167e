"""What some providers need beside the protocol, chosen by a registration's `steps` and never by a name.

A step completes the claims of a login that was verified; it changes nothing that they say already.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from gateway.relying_party.apple import Apple, read_named_response
from gateway.relying_party.authorization import CallbackResponse, read_response
from gateway.relying_party.claims import Claims
from gateway.relying_party.entra import Entra
from gateway.relying_party.http import IssuerHttp
from gateway.relying_party.registration import Registration
from gateway.relying_party.zitadel import Zitadel


class LoginSteps(Protocol):
    """The steps of one kind of provider."""

    async def completed(
        self, claims: Claims, *, access_token: str, registration: Registration, http: IssuerHttp
    ) -> Claims:
        """Return *claims* with what they left to be fetched. Raises LoginFailed, IssuerUnavailable."""


class _Standard:
    """The protocol, and nothing beside it."""

    async def completed(
        self, claims: Claims, *, access_token: str, registration: Registration, http: IssuerHttp
    ) -> Claims:
        return claims


STEPS: Mapping[str, LoginSteps] = {
    "": _Standard(),
    "entra": Entra(),
    "twitch": _Standard(),
    "apple": Apple(),
    "zitadel": Zitadel(),
}

_READERS: Mapping[str, Callable[[Sequence[tuple[str, str]]], CallbackResponse]] = {
    "apple": read_named_response
}


def response_in(pairs: Sequence[tuple[str, str]], registration: Registration) -> CallbackResponse:
    """Return the response in *pairs*, as this kind of provider gives one. Raises LoginFailed."""
    return _READERS.get(registration.steps, read_response)(pairs)

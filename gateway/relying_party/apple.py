"""Sign in with Apple: a client secret that we sign, and what Apple says in its own way.

Law: what the browser carries beside Apple's answer is signed by nobody: a name is taken from it, for
showing, and nothing that says who somebody is. An e-mail and whether it is verified come from the ID
token alone, for there is no userinfo.
"""

from collections.abc import Sequence
from dataclasses import replace

from gateway.errors import LoginFailed
from gateway.relying_party.authorization import CallbackResponse, read_response
from gateway.relying_party.claims import Claims, fit
from gateway.relying_party.client_keys import LIFETIME, ClientKey
from gateway.relying_party.http import IssuerHttp
from gateway.relying_party.registration import Registration
from gateway.relying_party.strict_json import JsonRefused, read_object

AUDIENCE = "https://appleid.apple.com"
"""Whom a client secret is for, whatever the issuer calls itself."""

LONGEST_NAME = 256
_LARGEST = 4096
_PARTS = ("firstName", "lastName")


def client_secret(key: ClientKey, *, team: str, client_id: str, now: float) -> str:
    """Return a client secret for one request: a JWT of *key* that is good for a minute."""
    issued = int(now)
    claims = {"iss": team, "sub": client_id, "aud": AUDIENCE, "iat": issued, "exp": issued + LIFETIME}
    return key.sign(claims)


def read_named_response(pairs: Sequence[tuple[str, str]]) -> CallbackResponse:
    """Return the response in *pairs*, with the name that Apple tells once, at the first consent.

    Raises LoginFailed.
    """
    return replace(read_response(pairs), name=posted_name(pairs))


def posted_name(pairs: Sequence[tuple[str, str]]) -> str | None:
    """Return the name in the field `user` of *pairs*, None where there is none; nothing else is read.

    Raises LoginFailed for a field that comes twice, is too long or not of the shape that Apple writes.
    """
    found = [value for name, value in pairs if name == "user"]
    if len(found) > 1:
        raise LoginFailed("the response has user twice")
    if not found:
        return None
    try:
        user = read_object(found[0].encode("utf-8", "surrogatepass"), limit=_LARGEST)
    except JsonRefused as error:
        raise LoginFailed(f"the response's user: {error}") from None
    name = user.get("name", {})
    if not isinstance(name, dict):
        raise LoginFailed("the response's user has a name that is no object")
    whole = " ".join(filter(None, (_part(name, part) for part in _PARTS)))
    if len(whole) > LONGEST_NAME:
        raise LoginFailed(f"the response's user has a name of more than {LONGEST_NAME} characters")
    return whole or None


def _part(name: Claims, part: str) -> str:
    value = name.get(part)
    if value is not None and not isinstance(value, str):
        raise LoginFailed(f"the response's user has a {part} that is not text")
    return fit(value or "", f"user.name.{part}").strip(" ")


class Apple:
    """The steps of a login at Apple."""

    async def completed(
        self, claims: Claims, *, access_token: str, registration: Registration, http: IssuerHttp
    ) -> Claims:
        """Return *claims* with `email_verified` as JSON has it.

        Apple documents `"true"` and `true` as one value, and says so of addresses alone that it verified.
        """
        if claims.get("email_verified") == "true":
            return {**claims, "email_verified": True}
        return claims

"""Dynamic client registration: an issuer is asked to know us, and says as whom (RFC 7591).

Law: what comes back must be usable and be what was asked for; a registration with other addresses than
ours, or with a way to authenticate that we do not have, is refused, not adapted to, and deleted again
where the issuer lets us (RFC 7592).
"""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from gateway.errors import IssuerUnavailable
from gateway.relying_party.authorization import plain_word
from gateway.relying_party.discovery import DEADLINE, discovery_url, read_metadata
from gateway.relying_party.endpoint import is_endpoint, is_plain_http
from gateway.relying_party.http import IssuerAnswer, IssuerHttp
from gateway.relying_party.strict_json import JsonRefused, read_object

_LARGEST = 256 * 1024
_METHODS = ("client_secret_basic", "client_secret_post")
_LAST_MOMENT = 253_402_300_799  # of the year 9999
_TOKEN = re.compile(r"[\x21-\x7e]{1,8192}")
_PRINTABLE = re.compile(r"[\x20-\x7e]{1,1024}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What we want to be known by: our name, and the addresses at which the issuer finds us."""

    name: str
    redirect_uri: str
    post_logout_redirect_uri: str
    backchannel_logout_uri: str
    initiate_login_uri: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """As whom an issuer knows us. `expires_at` is the Unix second at which the secret ends, None for never.

    `management` is what changes the registration later (RFC 7592), None where the issuer has no such thing.
    """

    client_id: str
    client_secret: str = field(repr=False)
    client_auth: str
    expires_at: int | None = None
    management: dict[str, str] | None = field(default=None, repr=False)


async def register(
    issuer: str, wishes: Wishes, *, http: IssuerHttp, initial_token: str | None = None
) -> Registered:
    """Return as whom *issuer* knows us from now on; it is asked once.

    Raises IssuerUnavailable, which says so where a client of ours may be there all the same.
    """
    document = await _metadata(issuer, http)
    endpoint = document.get("registration_endpoint")
    if not isinstance(endpoint, str) or not is_endpoint(endpoint, plain_http=is_plain_http(issuer)):
        raise IssuerUnavailable(f"{issuer}: its metadata has no usable registration_endpoint")
    headers = {} if initial_token is None else {"Authorization": f"Bearer {initial_token}"}
    asked = json.dumps(_asked(wishes, _method(document, issuer)))
    with _in_doubt(issuer, wishes):
        document = _answered(await http.post_json(endpoint, asked, headers=headers, limit=_LARGEST), issuer)
    try:
        return _read(document, issuer, wishes)
    except IssuerUnavailable as unusable:
        left = await _undone(document, issuer, http)
        raise IssuerUnavailable(f"{unusable}; {left}") from None


async def withdraw(issuer: str, management: Mapping[str, str] | None, *, http: IssuerHttp) -> None:
    """Delete the registration that *management* of `Registered` is for (RFC 7592 2.3); asked once.

    Raises IssuerUnavailable where it may be there still.
    """
    if management is None:
        raise IssuerUnavailable(f"{issuer}: gave nothing to delete a registration with")
    address, token = management["registration_client_uri"], management["registration_access_token"]
    if not is_endpoint(address, plain_http=is_plain_http(issuer)) or not _TOKEN.fullmatch(token):
        raise IssuerUnavailable(f"{issuer}: gave nothing usable to delete a registration with")
    answer = await http.delete(address, headers={"Authorization": f"Bearer {token}"}, limit=_LARGEST)
    if answer.status not in (200, 204):
        raise IssuerUnavailable(f"{issuer}: asked to delete a registration, it answered {answer.status}")


async def _undone(document: dict[str, object], issuer: str, http: IssuerHttp) -> str:
    """Delete a registration that cannot be used, and say what is left of it."""
    name = document.get("client_id")
    client = name if isinstance(name, str) and _PRINTABLE.fullmatch(name) else "it made"
    try:
        await withdraw(issuer, _management(document), http=http)
    except IssuerUnavailable as error:
        return f"the client {client} stays, for it could not be deleted ({error}): delete it by hand"
    return f"the client {client} was deleted again"


async def _metadata(issuer: str, http: IssuerHttp) -> dict[str, object]:
    answer = await http.get(discovery_url(issuer), deadline=DEADLINE)
    if answer.status != 200:
        raise IssuerUnavailable(f"{issuer}: discovery answered {answer.status}")
    try:
        document = read_object(answer.body, limit=_LARGEST)
    except JsonRefused as error:
        raise IssuerUnavailable(f"{issuer}: discovery: {error}") from None
    read_metadata(document, issuer=issuer)
    return document


def _method(document: dict[str, object], issuer: str) -> str:
    """Return how we authenticate; an issuer that says nothing takes the first (Discovery 3)."""
    offered = document.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
    for method in _METHODS:
        if isinstance(offered, list) and method in offered:
            return method
    raise IssuerUnavailable(f"{issuer}: takes no client secret, so register there by hand")


def _asked(wishes: Wishes, method: str) -> dict[str, object]:
    """Return what is asked for; where a login begins elsewhere is told of https alone (Registration 2)."""
    begun = (
        {} if is_plain_http(wishes.initiate_login_uri) else {"initiate_login_uri": wishes.initiate_login_uri}
    )
    return {
        "client_name": wishes.name,
        "application_type": "web",
        "redirect_uris": [wishes.redirect_uri],
        "post_logout_redirect_uris": [wishes.post_logout_redirect_uri],
        "backchannel_logout_uri": wishes.backchannel_logout_uri,
        "backchannel_logout_session_required": True,
        "grant_types": ["authorization_code"],
        "response_types": ["code"],
        "token_endpoint_auth_method": method,
        **begun,
    }


class _Refused(IssuerUnavailable):
    """The issuer said no, so that no client was made."""


@contextmanager
def _in_doubt(issuer: str, wishes: Wishes) -> Iterator[None]:
    """Say of every failure but a refusal what may be left behind: the answer is lost, not what was done."""
    try:
        yield
    except _Refused:
        raise
    except IssuerUnavailable as lost:
        raise IssuerUnavailable(
            f"{lost}; {issuer} may have made a client all the same, called {wishes.name}, for "
            f"{wishes.redirect_uri}: look for it there, and delete it by hand"
        ) from None


def _answered(answer: IssuerAnswer, issuer: str) -> dict[str, object]:
    """Return the document that a registration endpoint gave (RFC 7591 3.2). Raises IssuerUnavailable."""
    if 400 <= answer.status < 500:
        raise _Refused(f"{issuer}: registration answered {answer.status}: {_why(answer)}")
    if answer.status not in (200, 201):
        raise IssuerUnavailable(f"{issuer}: registration answered {answer.status}")
    try:
        return read_object(answer.body, limit=_LARGEST)
    except JsonRefused as error:
        raise IssuerUnavailable(f"{issuer}: registration answered {answer.status}: {error}") from None


def _why(answer: IssuerAnswer) -> str:
    try:
        return plain_word(read_object(answer.body, limit=_LARGEST).get("error"))
    except JsonRefused as error:
        return str(error)


def _read(document: dict[str, object], issuer: str, wishes: Wishes) -> Registered:
    if document.get("redirect_uris") != [wishes.redirect_uri]:
        raise IssuerUnavailable(f"{issuer}: registered other redirect_uris than ours")
    method = document.get("token_endpoint_auth_method", "client_secret_basic")
    if method not in _METHODS:
        raise IssuerUnavailable(f"{issuer}: registered us with an authentication that was not asked for")
    return Registered(
        client_id=_text(document, "client_id", issuer),
        client_secret=_text(document, "client_secret", issuer),
        client_auth=str(method),
        expires_at=_end(document.get("client_secret_expires_at")),
        management=_management(document),
    )


def _text(document: dict[str, object], name: str, issuer: str) -> str:
    value = document.get(name)
    if not isinstance(value, str) or not _PRINTABLE.fullmatch(value) or value != value.strip():
        raise IssuerUnavailable(f"{issuer}: registration brought no usable {name}")
    return value


def _end(expires: object) -> int | None:
    """Return when a secret ends; 0 is never (3.2.1), and so is what no calendar has."""
    if isinstance(expires, bool) or not isinstance(expires, int):
        return None
    return expires if 0 < expires <= _LAST_MOMENT else None


def _management(document: dict[str, object]) -> dict[str, str] | None:
    names = ("registration_client_uri", "registration_access_token")
    found = {name: value for name in names if isinstance(value := document.get(name), str)}
    return found if len(found) == len(names) else None

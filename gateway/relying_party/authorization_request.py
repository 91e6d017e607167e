"""How an authorization request travels: in the address, signed (RFC 9101), or pushed before (RFC 9126).

Law: of a request that is pushed or signed, the browser carries nothing that anybody could change to
effect: a reference that is used once, or a JWT of our key.
"""

import json
import re
from collections.abc import Sequence

from authlib.common.urls import add_params_to_uri  # type: ignore[import-untyped]

from gateway.errors import IssuerUnavailable
from gateway.relying_party.authorization import plain_word
from gateway.relying_party.backchannel import BackChannel
from gateway.relying_party.client_keys import ClientKey, fresh_id
from gateway.relying_party.discovery import IssuerMetadata
from gateway.relying_party.http import IssuerAnswer
from gateway.relying_party.strict_json import JsonRefused, read_object

LIFETIME = 300
"""Seconds for which a signed request is good: as long as a slow browser takes to carry it over."""

_LARGEST = 64 * 1024
_REFERENCE = re.compile(r"(?:urn:|https://)[\x21-\x7e]{1,1024}")
_IN_VIEW = ("response_type", "client_id", "scope")
# What is text in an address and JSON in a JWT: a number, an object (OpenID Connect Core 3.1.2.1, 6.1) and a
# list (RFC 9396 2).
_JSON = frozenset({"max_age", "claims", "authorization_details"})

Parameters = Sequence[tuple[str, str]]


async def address(asked: Parameters, *, metadata: IssuerMetadata, issuer: BackChannel, now: float) -> str:
    """Return where the browser goes with the request *asked*. Raises IssuerUnavailable."""
    registration = issuer.registration
    client = ("client_id", registration.client_id)
    sent = asked
    if registration.signs_requests and registration.signing_key is not None:
        signed = ("request", _signed(asked, registration.signing_key, audience=metadata.issuer, now=now))
        # OpenID Connect Core 6.1 wants these beside it; only those in the JWT count.
        sent = [*(pair for pair in asked if pair[0] in _IN_VIEW), signed]
    endpoint = _pushed_to(metadata, registration.pushed_requests)
    if endpoint is not None:
        sent = [client, ("request_uri", await _push(sent, endpoint, issuer))]
    url: str = add_params_to_uri(metadata.authorization_endpoint, sent)
    return url


def _signed(asked: Parameters, key: ClientKey, *, audience: str, now: float) -> str:
    """Return *asked* as a request object (RFC 9101 4): addressed to the issuer, good for minutes."""
    claims: dict[str, object] = {}
    for name, value in asked:
        several = [each for other, each in asked if other == name]
        claims[name] = several if len(several) > 1 else value
    for name in _JSON & claims.keys():
        claims[name] = _as_json(str(claims[name]))
    issued = int(now)
    ours = {"iss": dict(asked)["client_id"], "aud": audience, "jti": fresh_id()}
    times = {"iat": issued, "nbf": issued, "exp": issued + LIFETIME}
    return key.sign({**claims, **ours, **times}, kind="oauth-authz-req+jwt")


def _as_json(text: str) -> object:
    """Return what *text*, which the configuration says, is as JSON; what is none goes as it is."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _pushed_to(metadata: IssuerMetadata, wanted: str) -> str | None:
    """Return the endpoint to push to, None where requests are not pushed. Raises IssuerUnavailable."""
    endpoint = metadata.pushed_request_endpoint
    if wanted == "never":
        return None
    if endpoint is None and (wanted == "always" or metadata.requires_pushed_requests):
        raise IssuerUnavailable(f"{metadata.issuer}: its metadata names no place to push requests to")
    return endpoint


async def _push(asked: Parameters, endpoint: str, issuer: BackChannel) -> str:
    answer = await issuer.post(endpoint, asked, limit=_LARGEST)
    where = issuer.registration.issuer
    document = _document(answer, where)
    if answer.status not in (200, 201):
        raise IssuerUnavailable(f"{where}: pushing a request: {plain_word(document.get('error'))}")
    reference = document.get("request_uri")
    if not isinstance(reference, str) or not _REFERENCE.fullmatch(reference):
        raise IssuerUnavailable(f"{where}: pushing a request brought no usable request_uri")
    return reference


def _document(answer: IssuerAnswer, where: str) -> dict[str, object]:
    try:
        return read_object(answer.body, limit=_LARGEST)
    except JsonRefused as error:
        raise IssuerUnavailable(f"{where}: pushing a request answered {answer.status}: {error}") from None

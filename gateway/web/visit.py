"""A visit to one of our own endpoints: the request, what it asks, and what it sends."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import msgspec

from gateway.errors import MediaTypeRefused, RequestRejected
from gateway.model.inbound import Inbound
from gateway.passage import Passage
from gateway.web.query import Fields, parse_fields

LARGEST_BODY = 64 * 1024
_FORM = b"application/x-www-form-urlencoded"
_JSON = b"application/json"

ReadBody = Callable[[int], Awaitable[bytes]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One request to us. *tail* is what follows the endpoint's path: a provider's id, or nothing."""

    inbound: Inbound
    passage: Passage
    read_body: ReadBody
    query: Fields
    tail: str = ""

    async def fields(self) -> Fields:
        """Return what was sent, as form or JSON; a body that is not there has no fields.

        Raises RequestRejected and its kinds.
        """
        kind = _media_type(self.inbound)
        if kind is None and not self.inbound.has_body:
            return Fields()
        if kind not in (_FORM, _JSON):
            raise MediaTypeRefused("neither a form nor JSON")
        raw = await self.read_body(LARGEST_BODY)
        return parse_fields(raw) if kind == _FORM else _from_json(raw)

    def wants_url(self, fields: Fields) -> bool:
        """Say whether a script asks for the next address as JSON instead of a redirect."""
        return self.inbound.values(b"x-auth-return-redirect") == [b"1"] or fields.one("json") == "true"


def _media_type(inbound: Inbound) -> bytes | None:
    """Return the type of what was sent in lower case, None where nothing says it."""
    given = inbound.values(b"content-type")
    if not given:
        return None
    if len(given) != 1:
        return b""
    kind, _, parameters = given[0].lower().partition(b";")
    if parameters.strip(b" \t") not in (b"", b"charset=utf-8", b'charset="utf-8"'):
        return b""
    return kind.strip(b" \t")


def _from_json(raw: bytes) -> Fields:
    """Return the string members of an object; others, such as `data`, never count (rule B72)."""
    try:
        sent = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
        texts = {name: value for name, value in sent.items() if bytes(value)[:1] == b'"'}
        return Fields(tuple((name, msgspec.json.decode(value, type=str)) for name, value in texts.items()))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as fault:
        raise RequestRejected("JSON that cannot be read") from fault

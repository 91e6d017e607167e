"""Identity values as header bytes: each one round-trips, or stops the request (rule F3).

Printable ASCII goes as it is; `%` and everything else goes as percent-encoded UTF-8 (RFC 3986 2.1),
also a space at either end, which a field parser would trim (RFC 9110 5.5). Values of a list are
joined by `,`, and a `,` inside one is encoded. `urllib.parse.unquote` is the inverse.
"""

import re
from collections.abc import Callable
from urllib.parse import quote

from gateway.errors import IdentityUnrepresentable
from gateway.model.route import IdentityHeaders
from gateway.model.session import Session

HEADERS_LIMIT = 8 * 1024

# C0, DEL, C1 and lone surrogates: no header carries them unaltered, and no name needs them.
_REFUSED = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_AS_IT_IS = "".join(chr(code) for code in range(0x20, 0x7F) if chr(code) != "%")
_AS_IT_IS_IN_LIST = _AS_IT_IS.replace(",", "")

Values = tuple[str, ...]


def encode(value: str) -> str:
    """Return *value* as printable ASCII. Raises IdentityUnrepresentable for a control or surrogate."""
    return _encode(value, _AS_IT_IS)


def encode_list(values: Values) -> str:
    """Return *values* joined by `,`, each encoded so that a split at `,` finds them again."""
    if values == ("",):
        raise IdentityUnrepresentable("a list of one empty value looks like an empty list")
    return ",".join([_encode(value, _AS_IT_IS_IN_LIST) for value in values])


def _encode(value: str, safe: str) -> str:
    if _REFUSED.search(value):
        raise IdentityUnrepresentable("an identity value holds a control character or a lone surrogate")
    encoded = quote(value, safe=safe)
    inner = encoded.strip(" ")
    if len(inner) == len(encoded):
        return encoded
    start = len(encoded) - len(encoded.lstrip(" "))
    return "%20" * start + inner + "%20" * (len(encoded) - start - len(inner))


_SINGLE: dict[str, Callable[[Session], str | None]] = {
    "id": lambda session: session.identity.user_id,
    "email": lambda session: session.identity.email,
    "name": lambda session: session.identity.name,
    "image": lambda session: session.identity.image,
    "provider": lambda session: session.provider,
}
_LISTS: dict[str, Callable[[Session], Values]] = {
    "roles": lambda session: session.identity.roles,
    "groups": lambda session: session.identity.groups,
}
_CLAIM = "claims."


class IdentityLines:
    """The plain identity headers of one `IdentityHeaders`, ready to be filled from a session."""

    def __init__(self, identity: IdentityHeaders) -> None:
        self._fields = tuple((header, _reader(field)) for header, field in identity.headers)

    def render(self, session: Session) -> bytes:
        """Return the whole header lines for *session*; a field without a value has no line.

        Raises IdentityUnrepresentable where a value cannot be carried or all exceed 8 KiB.
        """
        lines = [f"{header}: {value}\r\n" for header, read in self._fields if (value := read(session))]
        rendered = "".join(lines).encode("ascii")
        if len(rendered) > HEADERS_LIMIT:
            raise IdentityUnrepresentable(f"identity headers take {len(rendered)} of {HEADERS_LIMIT} bytes")
        return rendered


def _reader(field: str) -> Callable[[Session], str]:
    if single := _SINGLE.get(field):
        return lambda session: encode(single(session) or "")
    if several := _LISTS.get(field):
        return lambda session: encode_list(several(session))
    if not field.startswith(_CLAIM):
        raise ValueError(f"no identity field is called {field!r}")
    claim = field.removeprefix(_CLAIM)
    return lambda session: encode_list(_claim(session, claim))


def _claim(session: Session, name: str) -> Values:
    return next((values for claim, values in session.identity.claims if claim == name), ())

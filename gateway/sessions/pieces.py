"""The session's cookie: cut into pieces where it is too big for one, joined again, and cleared.

The first piece has the plain name and, where there are more, the count before the value (`2.` or
`3.`); further ones are called `<name>.1` and `<name>.2`. The count only says what to join: the seal
covers the whole and the claims in it repeat the count, so no other way of joining opens.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address

from gateway.model.cookies import CookieNames
from gateway.model.inbound import RawHeaders
from gateway.sessions.cookies import clear_line, pairs, set_line

MOST_PIECES = 3
PIECE = 4096
"""Bytes of one piece with its name and attributes (RFC 6265bis, section 5.6, and what browsers keep)."""

_PREFIXES = ("__Host-", "__Secure-", "")
_COUNT = len("2.")

Shown = Sequence[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """A cookie value with its pieces joined; `value` still begins with the count, if there is one."""

    value: bytes
    pieces: int

    @property
    def sealed(self) -> str:
        return self.value[_COUNT if self.pieces > 1 else 0 :].decode("latin-1")


class SessionCookie:
    """Reads and writes the cookie called `names.session`, in all its pieces and earlier spellings."""

    def __init__(self, names: CookieNames) -> None:
        self._names = names
        self._marker = names.base.encode()
        self._pieces = [name.encode() for name in _piece_names(names.session)]
        variants = (prefix + names.base for prefix in _PREFIXES)
        self._ours = frozenset(name.encode() for variant in variants for name in _piece_names(variant))
        self._domains = _domains(names)
        self.name = self._pieces[0]

    def shown(self, headers: RawHeaders) -> list[tuple[bytes, bytes]]:
        """Return every cookie that is a piece of the session, under today's name or an earlier one."""
        ours = self._ours
        return [pair for pair in pairs(headers, self._marker) if pair[0] in ours]

    def is_in(self, shown: Shown) -> bool:
        """Say whether any piece has today's name."""
        return any(name in self._pieces for name, _ in shown)

    def wholes(self, shown: Shown) -> list[Whole]:
        """Return each value that can be joined without a missing, empty or doubled piece."""
        firsts = dict.fromkeys(value for name, value in shown if name == self.name)
        cut = [value for name, value in shown if name == self.name and _count(value) > 1]
        joined = [self._join(first, shown) for first in firsts if _count(first) == 1 or len(cut) == 1]
        return [whole for whole in joined if whole is not None]

    def _join(self, first: bytes, shown: Shown) -> Whole | None:
        pieces = _count(first)
        value = first
        for piece in self._pieces[1:pieces]:
            found = [value for name, value in shown if name == piece]
            if len(found) != 1 or not found[0]:
                return None
            value += found[0]
        return Whole(value=value, pieces=pieces)

    def pieces_for(self, size: int, *, max_age: int | None) -> int:
        """Return how many pieces a sealed value of *size* bytes takes; it may be too many."""
        room = self._room(max_age)
        return 1 if size <= room else -(-(size + _COUNT) // room)

    def written(self, sealed: str, *, pieces: int, max_age: int | None) -> list[bytes]:
        """Return the Set-Cookie values that carry *sealed* in so many *pieces*."""
        room = self._room(max_age)
        value = sealed if pieces == 1 else f"{pieces}.{sealed}"
        return [
            self._line(name.decode(), value[place * room : (place + 1) * room], max_age)
            for place, name in enumerate(self._pieces[:pieces])
        ]

    def cleared(self, shown: Shown, *, kept: int) -> list[bytes]:
        """Return the Set-Cookie values that clear all that is *shown* but our first *kept* pieces.

        A piece to keep that came twice is cleared under every other domain it may have.
        """
        lines = []
        for name, times in Counter(name for name, _ in shown).items():
            if name not in self._pieces[:kept]:
                lines += self._clear(name.decode(), self._scopes(name))
            elif times > 1:
                others = [domain for domain in self._scopes(name) if domain != self._names.domain]
                lines += self._clear(name.decode(), others)
        return lines

    def _scopes(self, name: bytes) -> tuple[str | None, ...]:
        return (None,) if name.startswith(b"__Host-") else (None, *self._domains)

    def _clear(self, name: str, domains: Sequence[str | None]) -> list[bytes]:
        secure = self._names.secure or name.startswith("__")
        same_site = self._names.same_site
        return [clear_line(name, secure=secure, domain=domain, same_site=same_site) for domain in domains]

    def _line(self, name: str, value: str, max_age: int | None) -> bytes:
        names = self._names
        return set_line(
            name,
            value,
            max_age=max_age,
            secure=names.secure,
            domain=names.domain,
            same_site=names.same_site,
        )

    def _room(self, max_age: int | None) -> int:
        return PIECE - len(self._line(self._pieces[-1].decode(), "", max_age))


def _piece_names(first: str) -> list[str]:
    return [first, *(f"{first}.{place}" for place in range(1, MOST_PIECES))]


def _count(first: bytes) -> int:
    if first[1:_COUNT] != b"." or first[:1] not in (b"2", b"3"):
        return 1
    return int(first[:1])


def _domains(names: CookieNames) -> tuple[str, ...]:
    """Return the domains that a session cookie may have had: today's and those above our host."""
    domains = [names.domain] if names.domain else []
    labels = names.hostname.split(".")
    if not _is_address(names.hostname):
        domains += [".".join(labels[place:]) for place in range(len(labels) - 1)]
    return tuple(dict.fromkeys(domains))


def _is_address(hostname: str) -> bool:
    try:
        ip_address(hostname.strip("[]"))
    except ValueError:
        return False
    return True

"""Transactions: a login under way, sealed in a cookie of the browser that started it (RFC 9700 4.7).

Laws: a browser keeps at most `MOST` of them and `BUDGET` bytes in all, so that no number of tabs
makes a `Cookie` header that nobody accepts; nothing is stored on our side; a transaction opens only
for the state, provider, issuer, client and redirect_uri it was made for.
"""

import hashlib
import hmac
import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import msgspec

from gateway.errors import LoginFailed, SealBroken
from gateway.model.cookies import CookieNames
from gateway.model.event import Clock
from gateway.model.inbound import RawHeaders
from gateway.model.login import LinkIntent, PendingLogin, StepUp
from gateway.sessions.cookies import clear_line, named, set_line, values

LIFE = 15 * 60
MOST = 7
BUDGET = 4096
_LONG = 256
_ZLIB = b"x"


class Seals(Protocol):
    def seal(self, payload: bytes) -> str: ...

    def open(self, sealed: str) -> bytes: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """What a transaction is bound to besides its state: one registration at one issuer."""

    provider: str
    issuer: str
    client_id: str
    redirect_uri: str

    def digest(self, state: str) -> bytes:
        parts = (state, self.provider, self.issuer, self.client_id, self.redirect_uri)
        framed = (len(part).to_bytes(4, "big") + part for part in (part.encode() for part in parts))
        return hashlib.sha256(b"".join(framed)).digest()[:16]


class _Record(msgspec.Struct, array_like=True, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The sealed form; state and registration are in `binding` only, to keep seven cookies small.

    `return_to` is deflated where it is long: the longest target that is accepted fits one cookie.
    """

    binding: bytes
    nonce: bytes
    verifier: bytes
    started_at: int
    return_to: bytes
    persistent: bool
    restarted: bool
    link: tuple[str, str] | None
    step_up: tuple[str, str, bool] | None = None
    route: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    name: str
    size: int
    started_at: int


class Transactions:
    """Writes, finds and clears transaction cookies."""

    def __init__(self, *, sealer: Seals, names: CookieNames, clock: Clock) -> None:
        self._sealer = sealer
        self._names = names
        self._clock = clock

    def begin(
        self, pending: PendingLogin, binding: Binding, headers: RawHeaders, *, posted: bool = False
    ) -> tuple[bytes, ...]:
        """Return Set-Cookie values that leave *pending*, and clear what is expired or too much.

        *posted* says that the answer will be a form from another site.
        """
        name = self._name(pending.state)
        value = self._sealer.seal(_pack(pending, binding))
        line = set_line(
            name,
            value,
            max_age=LIFE,
            secure=self._names.secure,
            # The callback is a navigation from another site, which `Strict` would leave bare; and so
            # would `Lax` where it is a form.
            same_site="None" if posted else "Lax",
        )
        kept, gone = self._sorted(headers)
        surplus = _surplus(kept, _size(name, value))
        return (line, *self._cleared([*gone, *surplus]))

    def find(self, state: str, binding: Binding, headers: RawHeaders) -> PendingLogin | None:
        """Return the transaction of *state*, None where it is gone or does not open.

        Its age is for the caller to judge. Raises LoginFailed where it was made for another
        provider, issuer, client or redirect_uri.
        """
        for value in values(headers, self._name(state)):
            record = self._opened(value)
            if record is None:
                continue
            if not hmac.compare_digest(record.binding, binding.digest(state)):
                raise LoginFailed("transaction was made for another provider or registration")
            return _unpacked(record, state, binding)
        return None

    def sweep(self, headers: RawHeaders, *, state: str = "") -> tuple[bytes, ...]:
        """Return Set-Cookie values that clear expired transactions and that of *state*."""
        mine = self._name(state)
        kept, gone = self._sorted(headers)
        return self._cleared([*gone, *(cookie.name for cookie in kept if cookie.name == mine)])

    def is_fresh(self, pending: PendingLogin) -> bool:
        """Say whether *pending* is at most `LIFE` old, for a clock that is at most a minute off."""
        return -60 <= self._clock() - pending.started_at <= LIFE

    def _name(self, state: str) -> str:
        return self._names.login + hashlib.sha256(state.encode()).hexdigest()[:16]

    def _opened(self, value: str) -> _Record | None:
        try:
            return msgspec.msgpack.decode(self._sealer.open(value), type=_Record)
        except (SealBroken, msgspec.MsgspecError):
            return None

    def _sorted(self, headers: RawHeaders) -> tuple[list[_Kept], list[str]]:
        """Return the running transactions, newest first, and the names of those to clear."""
        kept: list[_Kept] = []
        gone: list[str] = []
        oldest = self._clock() - LIFE
        for name, value in named(headers, self._names.login):
            record = self._opened(value)
            if record is None or record.started_at < oldest:
                gone.append(name)
                continue
            kept.append(_Kept(name=name, size=_size(name, value), started_at=record.started_at))
        return sorted(kept, key=lambda cookie: -cookie.started_at), gone

    def _cleared(self, names: Iterable[str]) -> tuple[bytes, ...]:
        secure = self._names.secure
        return tuple(clear_line(name, secure=secure) for name in dict.fromkeys(names))


def _size(name: str, value: str) -> int:
    return len(name) + len(value) + len("=; ")


def _surplus(kept: list[_Kept], size: int) -> list[str]:
    """Return the names, of *kept* newest first, for which no room is left beside *size* bytes."""
    surplus = []
    for place, cookie in enumerate(kept, start=2):
        size += cookie.size
        if place > MOST or size > BUDGET:
            surplus.append(cookie.name)
    return surplus


def _pack(pending: PendingLogin, binding: Binding) -> bytes:
    record = _Record(
        binding=binding.digest(pending.state),
        nonce=urlsafe_b64decode(pending.nonce + "=="),
        verifier=urlsafe_b64decode(pending.verifier + "=="),
        started_at=pending.started_at,
        return_to=_packed_target(pending.return_to),
        persistent=pending.persistent,
        restarted=pending.restarted,
        link=(pending.link.user_id, pending.link.session_id) if pending.link else None,
        step_up=_packed_step_up(pending.step_up),
        route=pending.route,
    )
    return msgspec.msgpack.encode(record)


def _unpacked(record: _Record, state: str, binding: Binding) -> PendingLogin:
    link = LinkIntent(user_id=record.link[0], session_id=record.link[1]) if record.link else None
    return PendingLogin(
        provider=binding.provider,
        issuer=binding.issuer,
        client_id=binding.client_id,
        redirect_uri=binding.redirect_uri,
        state=state,
        nonce=_text(record.nonce),
        verifier=_text(record.verifier),
        return_to=_unpacked_target(record.return_to),
        started_at=record.started_at,
        persistent=record.persistent,
        restarted=record.restarted,
        link=link,
        step_up=_unpacked_step_up(record.step_up),
        route=record.route,
    )


def _packed_step_up(step_up: StepUp | None) -> tuple[str, str, bool] | None:
    return (step_up.user_id, step_up.route, step_up.insisted) if step_up else None


def _unpacked_step_up(packed: tuple[str, str, bool] | None) -> StepUp | None:
    return StepUp(user_id=packed[0], route=packed[1], insisted=packed[2]) if packed else None


def _packed_target(target: str) -> bytes:
    plain = target.encode("ascii")
    return plain if len(plain) <= _LONG else zlib.compress(plain, level=9)


def _unpacked_target(packed: bytes) -> str:
    # A target begins with `/` or `h`, a deflated one with the zlib header (RFC 1950). It was sealed
    # by ourselves, so what comes out is no larger than what was once checked.
    return (zlib.decompress(packed) if packed.startswith(_ZLIB) else packed).decode("ascii")


def _text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()

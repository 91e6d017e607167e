"""The keys that authenticate ID tokens: an issuer's published set, or the client secret.

Law: a key is used only as it says itself (RFC 7517 4.2 to 4.4); one that cannot be used is skipped,
not repaired; the set is bounded; a token can make us fetch at most once a minute.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key, OctKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry
from joserfc.util import urlsafe_b64decode

from gateway.errors import IssuerUnavailable
from gateway.model.event import Clock
from gateway.model.issuer_health import FetchedDocument, KeyName
from gateway.relying_party.fetched import Fetched
from gateway.relying_party.http import IssuerHttp
from gateway.relying_party.strict_json import JsonRefused, read_object

LARGEST_SET = 512 * 1024
MOST_KEYS = 64
LONGEST_KID = 256
GRACE = 300.0

# The public members of each key type (RFC 7518 6, RFC 8037 2); all else, such as x5c, is left out.
_MEMBERS = {"RSA": ("n", "e"), "EC": ("crv", "x", "y"), "OKP": ("crv", "x")}
# `issuer` is no member of RFC 7517: Entra says by it whom a key signs for.
_LABELS = ("kid", "use", "key_ops", "alg", "issuer")


class Keys(Protocol):
    """A set of keys at one moment."""

    def matching(self, kid: str | None, algorithm: str) -> tuple[Key, ...]:
        """Return the keys that may have made a signature with this header."""


class KeySource(Protocol):
    """Where keys come from. Both raise IssuerUnavailable."""

    async def current(self) -> Keys:
        """Return the keys as last seen."""

    async def newer(self, *, than: Keys) -> Keys:
        """Return later keys than *than* where there are any, else *than*."""


class Place(Protocol):
    """Where an issuer publishes its keys."""

    @property
    def issuer(self) -> str: ...
    @property
    def jwks_uri(self) -> str: ...


class KeyPlaces(Protocol):
    async def metadata(self) -> Place:
        """Return where the keys are, the address checked. Raises IssuerUnavailable."""
        ...


@dataclass(frozen=True, slots=True)
class FormerKey:
    """A key that left the set, and the Unix time until which it still counts."""

    key: Key
    until: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedKeys:
    """The usable keys of an issuer. `former` left the set lately and still count for their time, for
    tokens that were under way (OpenID Connect Core 10.1.1)."""

    keys: tuple[Key, ...]
    former: tuple[FormerKey, ...] = ()
    clock: Clock

    def matching(self, kid: str | None, algorithm: str) -> tuple[Key, ...]:
        now = self.clock()
        known = self.keys + tuple(each.key for each in self.former if now < each.until)
        return tuple(key for key in known if kid in (None, key.kid) and serves(key, algorithm))


class IssuerKeys:
    """The JWKS of one issuer: cached for an hour, fetched again for a newer key once a minute."""

    def __init__(self, discovery: KeyPlaces, *, http: IssuerHttp, clock: Clock) -> None:
        self._discovery = discovery
        self._http = http
        self._clock = clock
        self._last: tuple[Key, ...] = ()
        self._former: tuple[FormerKey, ...] = ()
        self._fetched: Fetched[Keys] = Fetched(self._fetch, clock=clock)

    async def current(self) -> Keys:
        return await self._fetched.current()

    async def newer(self, *, than: Keys) -> Keys:
        return await self._fetched.newer(than=than)

    @property
    def document(self) -> FetchedDocument:
        """How fetching the set went so far; nothing is asked."""
        return self._fetched.document

    @property
    def names(self) -> tuple[KeyName, ...]:
        """The usable keys of the set as last seen; nothing is asked."""
        return tuple(KeyName(kid=key.kid, kind=key.key_type, algorithm=key.alg) for key in self._last)

    async def _fetch(self) -> Keys:
        metadata = await self._discovery.metadata()
        answer = await self._http.get(metadata.jwks_uri, limit=LARGEST_SET)
        if answer.status != 200:
            raise IssuerUnavailable(f"{metadata.issuer}: its JWKS answered {answer.status}")
        keys = read_keys(answer.body)
        self._former = self._still_former(keys)
        self._last = keys
        return PublishedKeys(keys=keys, former=self._former, clock=self._clock)

    def _still_former(self, keys: tuple[Key, ...]) -> tuple[FormerKey, ...]:
        """Return which keys count beside *keys*, each until its time, however often others are fetched."""
        now = self._clock()
        before = [each for each in self._former if now < each.until and each.key not in keys]
        left = [FormerKey(key, now + GRACE) for key in self._last if key not in keys]
        return tuple([*before, *left][-MOST_KEYS:])


class ClientSecretKey:
    """The client secret as the only key, where HMAC is configured: no JWKS is ever read."""

    def __init__(self, secret: str) -> None:
        self._key = OctKey.import_key(secret.encode())

    def matching(self, kid: str | None, algorithm: str) -> tuple[Key, ...]:
        return (self._key,) if serves(self._key, algorithm) else ()

    async def current(self) -> Keys:
        return self

    async def newer(self, *, than: Keys) -> Keys:
        return than


def read_keys(body: bytes) -> tuple[Key, ...]:
    """Return the usable public keys of a JWK set (RFC 7517 5). Raises IssuerUnavailable."""
    try:
        listed = read_object(body, limit=LARGEST_SET).get("keys")
    except JsonRefused as error:
        raise IssuerUnavailable(f"the JWKS: {error}") from None
    if not isinstance(listed, list) or len(listed) > MOST_KEYS:
        raise IssuerUnavailable(f"the JWKS is not a list of at most {MOST_KEYS} keys")
    return tuple(_usable(listed))


def _usable(listed: Iterable[object]) -> Iterable[Key]:
    for jwk in listed:
        key = read_key(jwk) if isinstance(jwk, dict) else None
        if key is not None:
            yield key


def read_key(jwk: dict[str, object]) -> Key | None:
    """Return the public signature key that *jwk* describes, or None where it is not one to use."""
    kind = jwk.get("kty")
    if not isinstance(kind, str) or kind not in _MEMBERS or "d" in jwk:
        return None
    members = {name: jwk[name] for name in (*_MEMBERS[kind], *_LABELS) if jwk.get(name) is not None}
    if not all(isinstance(members.get(name), str) for name in _MEMBERS[kind]) or not _labelled(members):
        return None
    try:
        return _import(kind, {"kty": kind, **{name: _typed(value) for name, value in members.items()}})
    except (JoseError, ValueError, TypeError, KeyError):
        return None


def _import(kind: str, jwk: dict[str, str | list[str]]) -> Key | None:
    if kind == "EC":
        return ECKey.import_key(jwk)
    if kind == "OKP":
        # Ed448 hashes otherwise and X25519 cannot sign.
        return OKPKey.import_key(jwk) if jwk["crv"] == "Ed25519" else None
    modulus, exponent = (urlsafe_b64decode(str(jwk[name]).encode()) for name in ("n", "e"))
    bits = int.from_bytes(modulus, "big").bit_length()
    # Judged before the import: joserfc only warns below 2048, and a giant key is slow to use.
    return RSAKey.import_key(jwk) if 2048 <= bits <= 8192 and len(exponent) <= 8 else None


def _labelled(members: dict[str, object]) -> bool:
    kid = members.get("kid", "")
    operations = members.get("key_ops", [])
    return (
        isinstance(kid, str)
        and len(kid) <= LONGEST_KID
        and members.get("use", "sig") == "sig"
        and isinstance(operations, list)
        and ("key_ops" not in members or "verify" in operations)
    )


def _typed(value: object) -> str | list[str]:
    return [str(part) for part in value] if isinstance(value, list) else str(value)


def serves(key: Key, algorithm: str) -> bool:
    """Say whether *key* is for *algorithm*: type, curve, and its own `alg`, `use`, `key_ops`."""
    try:
        JWSRegistry.algorithms[algorithm].check_key(key)
        key.check_key_op("verify")
    except (JoseError, KeyError):
        return False
    return True

"""Verify a signed request (RFC 9421 3.2): this method, this address, these headers, just now."""

import hmac
import re
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from urllib.parse import quote, unquote

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from gateway.verify.caller import Caller, CallerMissing, SignatureInvalid, SignatureMissing
from gateway.verify.keys import FetchedKeys, GivenKeys
from gateway.verify.once import Once
from gateway.verify.received import Received, folded
from gateway.verify.shared import SharedKeys
from gateway.verify.signed import Signed, read
from gateway.verify.strict import Invalid

LONGEST_LIFE = 60
SKEW = 60
MOST_LEEWAY = 5.0
HEADERS: Mapping[str, str] = MappingProxyType(
    {
        "X-User-Id": "id",
        "X-User-Email": "email",
        "X-User-Name": "name",
        "X-User-Roles": "roles",
        "X-User-Groups": "groups",
    }
)
_FIELD = re.compile(r"id|email|name|image|roles|groups|provider|claims\.[A-Za-z0-9_-]{1,64}")
_IN_TAG = "".join(chr(code) for code in range(0x20, 0x7F) if chr(code) not in '%"\\')


class SignatureVerifier:
    """Verifies the requests that one gateway signs for one app (*audience*).

    Exactly one source of keys: *shared* (the JWK Set of `gateway keys export --upstream`) for
    hmac-sha256, *jwks* or *jwks_url* for ed25519. *headers* names the headers that the app reads, each
    with its field, one of them `id`, as the gateway's `[identity.headers]` does; *assertion* the header
    of the assertion, None where the app reads none. *leeway*, 0 to 5 seconds, is granted after the end
    of a signature. *once* remembers nonces, so that no request counts twice in this process. Safe for
    use by several threads.
    """

    def __init__(
        self,
        *,
        audience: str,
        shared: Mapping[str, object] | None = None,
        jwks: Mapping[str, object] | None = None,
        jwks_url: str | None = None,
        headers: Mapping[str, str] = HEADERS,
        assertion: str | None = "X-Gateway-Assertion",
        leeway: float = 0.0,
        once: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if not audience:
            raise ValueError("audience is needed")
        if not 0 <= leeway <= MOST_LEEWAY:
            raise ValueError("leeway must be 0 to 5 seconds")
        self._tag = quote(audience, safe=_IN_TAG)
        self._keys = _keys(shared, jwks, jwks_url, clock)
        self._fields = _fields(headers)
        self._read = frozenset((*self._fields, *([folded(assertion)] if assertion else [])))
        self._leeway = leeway
        self._once = Once() if once else None
        self._clock = clock

    def verify(self, received: Received) -> Caller | None:
        """Return who calls, None where the gateway vouches for the request and names nobody.

        Raises `SignatureMissing` where none came, `SignatureInvalid`, `MemoryFull`, and
        `KeysUnavailable` where keys cannot be fetched.
        """
        if not received.values("signature") and not received.values("signature-input"):
            raise SignatureMissing("no signature came")
        try:
            signed = read(received)
            self._check_coverage(received, signed)
            self._check_time(signed)
            if signed.tag != self._tag:
                raise Invalid("tag is another app")
            self._keys.check(signed)
            self._check_nonce(signed)
            return self._caller(received, signed)
        except Invalid as exc:
            raise SignatureInvalid(str(exc)) from exc

    def _check_coverage(self, received: Received, signed: Signed) -> None:
        """Raise `Invalid` where the app would read a header that is not covered."""
        for name in self._read - _by_fold(signed).keys():
            if received.values(name):
                raise Invalid(f"{name} is not covered")

    def _check_time(self, signed: Signed) -> None:
        now = self._clock()
        if signed.created > now + SKEW:
            raise Invalid("created lies ahead")
        if not signed.created < signed.expires <= signed.created + LONGEST_LIFE:
            raise Invalid("expires is not within reach of created")
        if now >= signed.expires + self._leeway:
            raise Invalid("expired")

    def _check_nonce(self, signed: Signed) -> None:
        if self._once is None:
            return
        until = signed.expires + self._leeway
        if not self._once.first(f"{signed.keyid} {signed.nonce}", now=self._clock(), until=until):
            raise Invalid("the request came before")

    def _caller(self, received: Received, signed: Signed) -> Caller | None:
        covered = _by_fold(signed)
        told = {
            field: received.one(covered[name]).strip(" \t")
            for name, field in self._fields.items()
            if name in covered
        }
        if not told.get("id"):
            return None
        return Caller(
            id=unquote(told["id"]),
            email=_one(told.get("email")),
            name=_one(told.get("name")),
            roles=_several(told.get("roles")),
            groups=_several(told.get("groups")),
            provider=_one(told.get("provider")),
            claims=MappingProxyType(told),
        )


def sender(
    verifier: SignatureVerifier, received: Callable[[], Received], *, anonymous: bool
) -> Caller | None:
    """Return who sent what *received* returns; raise as `verify` does.

    Raises `CallerMissing` too, where the gateway names nobody and *anonymous* is false.
    """
    try:
        caller = verifier.verify(received())
    except Invalid as exc:
        raise SignatureInvalid(str(exc)) from exc
    if caller is None and not anonymous:
        raise CallerMissing("the gateway names nobody")
    return caller


def _by_fold(signed: Signed) -> Mapping[str, str]:
    """Return the covered names by what they fold to: a header may be called `Remote_User`."""
    return {folded(name): name for name in signed.fields}


def _one(value: str | None) -> str | None:
    return None if value is None else unquote(value)


def _several(value: str | None) -> tuple[str, ...]:
    return tuple(unquote(each) for each in value.split(",")) if value else ()


def _fields(headers: Mapping[str, str]) -> Mapping[str, str]:
    """Return the field of each header by its folded name; raise ValueError where one could be another."""
    fields = {folded(name): field for name, field in headers.items()}
    if len(fields) != len(headers) or list(fields.values()).count("id") != 1:
        raise ValueError("headers must be told apart, and exactly one must be the id")
    if unknown := [field for field in fields.values() if not _FIELD.fullmatch(field)]:
        raise ValueError(f"no identity field is called {unknown[0]!r}")
    return fields


class _PublishedKeys:
    def __init__(self, keys: GivenKeys | FetchedKeys) -> None:
        self._keys = keys

    def check(self, signed: Signed) -> None:
        """Raise `Invalid` unless a published Ed25519 key made the signature, or `KeysUnavailable`."""
        if signed.alg != "ed25519":
            raise Invalid("alg is not ed25519")
        key = self._keys.find(signed.keyid)
        public = None if key is None else key.raw_value
        if not isinstance(public, Ed25519PublicKey):
            raise Invalid("no Ed25519 key of the gateway has this keyid")
        try:
            public.verify(signed.signature, signed.base)
        except InvalidSignature:
            raise Invalid("the signature does not hold") from None


class _SecretKeys:
    def __init__(self, keys: SharedKeys) -> None:
        self._keys = keys

    def check(self, signed: Signed) -> None:
        """Raise `Invalid` unless a shared key made the signature."""
        if signed.alg != "hmac-sha256":
            raise Invalid("alg is not hmac-sha256")
        key = self._keys.find(signed.keyid)
        if key is None:
            raise Invalid("no shared key has this keyid")
        if not hmac.compare_digest(signed.signature, hmac.digest(key, signed.base, "sha256")):
            raise Invalid("the signature does not hold")


def _keys(
    shared: Mapping[str, object] | None,
    jwks: Mapping[str, object] | None,
    jwks_url: str | None,
    clock: Callable[[], float],
) -> _PublishedKeys | _SecretKeys:
    if [shared, jwks, jwks_url].count(None) != 2:
        raise ValueError("give exactly one of shared, jwks and jwks_url")
    if shared is not None:
        return _SecretKeys(SharedKeys(shared))
    if jwks is not None:
        return _PublishedKeys(GivenKeys(jwks))
    return _PublishedKeys(FetchedKeys(str(jwks_url), clock=clock))

"""Signed requests (RFC 9421): what the upstream sees is what is signed, made by template.

The law: the covered components are method, authority, path, query and every identity header of this
very request, always in that order, and so are the parameters. What follows from a route is laid out
once, what follows from a caller once for each session; a request adds its own lines, a time and a
nonce, and costs one signature. A signature lives for a minute and names its audience in `tag`, so it
is worth nothing at another upstream that knows the same public key.
"""

import secrets
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import quote

from gateway.model.event import Clock
from gateway.model.route import RequestAlgorithm, Route
from gateway.model.upstream import Upstream

LABEL = "gateway"
LIFE = 60
_NONCE = 18
_DERIVED = b'("@method" "@authority" "@path" "@query"'
# RFC 8941 3.3.3: what stands in a string as it is; `%` is encoded, so that each tag has one meaning.
_IN_STRING = "".join(chr(code) for code in range(0x20, 0x7F) if chr(code) not in '%"\\')


class RequestKey(Protocol):
    """One key: `sign` returns the raw signature of its algorithm (RFC 9421 3.3)."""

    @property
    def keyid(self) -> str: ...
    @property
    def alg(self) -> str: ...
    def sign(self, signed: bytes) -> bytes: ...


class RequestKeys(Protocol):
    """Where the key that signs now is found."""

    def current(self, algorithm: RequestAlgorithm, upstream: Upstream) -> RequestKey: ...


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Covered:
    """Header lines as the signature covers them: their part of its base, and their names."""

    base: bytes
    names: bytes


NOTHING = Covered(base=b"", names=b"")


def covered(lines: bytes) -> Covered:
    """Return how *lines* are covered: whole header lines of printable ASCII, each name once."""
    fields = [line.partition(b": ") for line in lines.split(b"\r\n")[:-1]]
    named = [(b'"%s"' % name.lower(), value) for name, _, value in fields]
    return Covered(
        base=b"".join(b"%s: %s\n" % (name, value) for name, value in named),
        names=b"".join(b" " + name for name, _ in named),
    )


class RequestSigner:
    """Signs the requests of one upstream under one key."""

    def __init__(
        self, key: RequestKey, *, audience: str, clock: Clock, random: Callable[[int], bytes]
    ) -> None:
        self._sign = key.sign
        self._tail = f'";keyid="{key.keyid}";alg="{key.alg}";tag="{tagged(audience)}"'.encode("ascii")
        self._clock = clock
        self._random = random

    def lines(self, *, method: bytes, authority: bytes, target: bytes, told: Covered) -> bytes:
        """Return the two header lines that vouch for a request, as it goes out, and for whom it tells of.

        *authority* is as RFC 9421 2.2.3 has it; *target* an origin-form. An absent query and an empty
        one are signed alike (2.2.7).
        """
        path, _, query = target.partition(b"?")
        created = int(self._clock())
        parameters = b'%s%s);created=%d;expires=%d;nonce="%s%s' % (
            _DERIVED,
            told.names,
            created,
            created + LIFE,
            urlsafe_b64encode(self._random(_NONCE)),
            self._tail,
        )
        signature = self._sign(
            b'"@method": %s\n"@authority": %s\n"@path": %s\n"@query": ?%s\n%s"@signature-params": %s'
            % (method, authority, path, query, told.base, parameters)
        )
        return b"Signature-Input: gateway=%s\r\nSignature: gateway=:%s:\r\n" % (
            parameters,
            b64encode(signature),
        )


class Signatures:
    """Knows who signs the requests of each route."""

    def __init__(
        self, keys: RequestKeys, *, clock: Clock, random: Callable[[int], bytes] = secrets.token_bytes
    ) -> None:
        self._keys = keys
        self._clock = clock
        self._random = random

    def signer(self, route: Route) -> RequestSigner | None:
        """Return who signs *route*'s requests, None where they go unsigned."""
        algorithm, upstream = route.identity.signature, route.upstream
        if algorithm is None or upstream is None:
            return None
        return RequestSigner(
            self._keys.current(algorithm, upstream),
            audience=route.audience or upstream.audience,
            clock=self._clock,
            random=self._random,
        )


def tagged(audience: str) -> str:
    """Return *audience* as the parameter `tag` has it: percent-encoded where a string cannot hold it."""
    return quote(audience, safe=_IN_STRING)


def authority(host: str, *, tls: bool) -> bytes:
    """Return the value of `@authority` where `Host` is *host* (RFC 9421 2.2.3)."""
    return host.lower().removesuffix(":443" if tls else ":80").encode("ascii")

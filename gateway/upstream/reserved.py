"""Which header names a request or an answer may carry across the gateway, as tables.

Upstreams fold names: CGI and WSGI turn `X_User_Id` and `X-User-Id` into one variable, `.` is folded
by some, and every mark that a name may hold by servers such as lighttpd. So a name is judged by its
fold, and by nothing that depends on its value (rule F7).
Names of the gateway's own headers are reserved on every route, also where a route does not use them.
"""

from collections.abc import Callable, Iterable
from enum import Enum
from string import ascii_lowercase, ascii_uppercase

from gateway.model.route import IdentityHeaders

_MARKS = b"!#$%&'*+.^_`|~"  # all that a name may hold beside `-`, letters and digits (RFC 9110 5.6.2)
_FOLD = bytes.maketrans(ascii_uppercase.encode() + _MARKS, ascii_lowercase.encode() + b"-" * len(_MARKS))

_SPELLINGS_KEPT = 2048
_LONGEST_KEPT = 64

# RFC 9110 7.6.1, RFC 9112 7, and RFC 7540 3.2.1 for the h2c leftovers.
HOP_BY_HOP = frozenset(
    b"connection keep-alive proxy-connection proxy-authenticate proxy-authorization"
    b" proxy-authentication-info te trailer transfer-encoding upgrade http2-settings".split()
)

_FRAMING = frozenset(b"content-length host expect".split())

_FORWARDING = frozenset(
    b"forwarded x-real-ip x-client-ip x-cluster-client-ip x-remote-ip x-remote-addr true-client-ip"
    b" cf-connecting-ip cf-connecting-ipv6 fastly-client-ip client-cert client-cert-chain"
    b" x-client-cert x-envoy-external-address x-envoy-original-path x-request-id traceparent".split()
)
_FORWARDING_FAMILIES = (b"x-forwarded-", b"x-original-", b"x-rewrite-", b"x-ssl-client-", b"x-gateway-")

# `-method` is the fold of `_method`; `proxy` becomes HTTP_PROXY in CGI.
_OVERRIDES = frozenset(b"x-http-method-override x-http-method x-method-override -method proxy".split())

# What upstreams are told by default: reserved also where a configuration tells them other names, so
# that an app which still reads one of these never reads a client's word.
_USUAL = frozenset(
    b"x-user-id x-user-email x-user-name x-user-roles x-user-groups x-gateway-assertion".split()
)

# RFC 9421 4: a signature of the client's would be read as the gateway's.
_SIGNATURE = frozenset(b"signature signature-input".split())

_AUTHORIZATION = b"authorization"

# What an answer must not say for the gateway: where else the host is served, how its cookies and
# storage end, how long it is https only, and which file a proxy in front should send instead.
_SPEAKS_FOR_THE_HOST = frozenset(
    b"alt-svc strict-transport-security clear-site-data x-sendfile x-lighttpd-send-file"
    b" x-litespeed-location x-reproxy-url".split()
)
_SPEAKS_FOR_THE_HOST_FAMILIES = (b"x-accel-",)

# Named in `Connection`, these would be cut from under the upstream by its own client.
PROTECTED = frozenset(
    b"host cookie authorization via content-length content-type content-encoding origin".split()
)


class Fate(Enum):
    """What becomes of one header field."""

    KEEP = "keep"
    DROP = "drop"
    COOKIE = "cookie"
    CONNECTION = "connection"
    VIA = "via"
    TRACESTATE = "tracestate"
    LENGTH = "length"
    CODING = "coding"


_REQUEST_FATES = {
    b"cookie": Fate.COOKIE,
    b"connection": Fate.CONNECTION,
    b"via": Fate.VIA,
    b"tracestate": Fate.TRACESTATE,
}
_ANSWER_FATES = {
    b"connection": Fate.CONNECTION,
    b"content-length": Fate.LENGTH,
    b"transfer-encoding": Fate.CODING,
}


def fold(name: bytes) -> bytes:
    """Return *name* as the least careful upstream reads it: lower case, every mark as `-`."""
    return name.translate(_FOLD)


class Fates(dict[bytes, Fate]):
    """The fate of every spelling seen so far: a plain lookup after the first time, and bounded.

    A long name is judged each time: what a client makes up is not kept in its thousands.
    """

    def __init__(self, decide: Callable[[bytes], Fate]) -> None:
        super().__init__()
        self._decide = decide

    def __missing__(self, name: bytes) -> Fate:
        if len(name) > _LONGEST_KEPT:
            return self._decide(name)
        if len(self) >= _SPELLINGS_KEPT:
            self.clear()
        fate = self[name] = self._decide(name)
        return fate


class Reserved:
    """The fates of request and answer headers, for one set of routes.

    *identities* are those of all routes and upstreams, *tokens* the headers in which tokens of issuers
    are forwarded: each of their names is reserved everywhere, but for `Authorization`, which is the
    client's own on every route that forwards nothing in it. `names` are those that tell of the caller, in
    lower case.
    """

    def __init__(self, identities: Iterable[IdentityHeaders], *, tokens: Iterable[str] = ()) -> None:
        forwarded = {fold(name.encode("ascii")) for name in tokens} - {_AUTHORIZATION}
        told = frozenset(_names(identities)) | forwarded | _USUAL
        self.names = tuple(sorted(told))
        self._ours = told | _SIGNATURE
        self.requests = Fates(self._request_fate)
        self.answers = Fates(self._answer_fate)

    def _request_fate(self, name: bytes) -> Fate:
        folded = fold(name)
        if folded in self._ours:
            return Fate.DROP
        if special := _REQUEST_FATES.get(folded):
            return special
        if folded in HOP_BY_HOP or folded in _FRAMING or folded in _FORWARDING or folded in _OVERRIDES:
            return Fate.DROP
        return Fate.DROP if folded.startswith(_FORWARDING_FAMILIES) else Fate.KEEP

    def _answer_fate(self, name: bytes) -> Fate:
        if special := _ANSWER_FATES.get(name.lower()):
            return special
        folded = fold(name)
        if folded in HOP_BY_HOP or folded in self._ours or folded in _ANSWER_FATES:
            return Fate.DROP
        if folded in _SPEAKS_FOR_THE_HOST or folded.startswith(_SPEAKS_FOR_THE_HOST_FAMILIES):
            return Fate.DROP
        return Fate.KEEP


def _names(identities: Iterable[IdentityHeaders]) -> Iterable[bytes]:
    for identity in identities:
        for header, _ in identity.headers:
            yield fold(header.encode("ascii"))
        if identity.assertion is not None:
            yield fold(identity.assertion.encode("ascii"))


def listed(values: Iterable[bytes]) -> frozenset[bytes]:
    """Return the lower-case options of `Connection` *values* (RFC 9110 7.6.1)."""
    return frozenset(
        option for value in values for item in value.split(b",") if (option := item.strip(b" \t").lower())
    )

"""The small words of the configuration: identifiers, header names, paths, methods."""

import re
from collections.abc import Sized
from typing import Annotated, Literal, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from gateway.model.claim_path import steps
from gateway.model.email import email_key
from gateway.settings.addresses import bare_host
from gateway.settings.notation import nearest, one_of
from gateway.settings.refusal import Refused

Some = TypeVar("Some", bound=Sized)

IDENTITY_FIELDS = ("id", "email", "name", "image", "roles", "groups", "provider")

_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,62}[a-z0-9])?")
_CLAIM_FIELD = re.compile(r"claims\.[A-Za-z0-9_-]{1,64}")
_CLAIM_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}")
_URI = re.compile(r"[a-z][a-z0-9+.-]*:[!-~]{1,2000}")
_METHOD = re.compile(r"[A-Z]{1,32}")
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,256}")
_PREFIX = re.compile(r"/[A-Za-z0-9._~-]{1,64}")
_MOST_ACRS = 10
_PATTERN = re.compile(r"[*<>{}^|]")
_PLAIN = re.compile(r"/(?:[A-Za-z0-9_~/-]|\.[A-Za-z0-9])*")
_ROLE = re.compile(r"[^\s,\x00-\x1f\x7f]{1,255}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")

_FRAMING = (
    "content-length content-type content-encoding origin transfer-encoding host expect upgrade "
    "http2-settings cookie set-cookie date"
)
_HOP_BY_HOP = "connection keep-alive proxy-connection proxy-authenticate proxy-authorization te trailer proxy"
_FORWARDING = (
    "forwarded via x-forwarded x-forwarded-for x-forwarded-host x-forwarded-port x-forwarded-proto "
    "x-forwarded-scheme x-forwarded-prefix x-forwarded-server x-forwarded-uri x-forwarded-method "
    "x-real-ip true-client-ip cf-connecting-ip x-client-ip x-cluster-client-ip client-cert client-cert-chain "
    "x-request-id traceparent tracestate x-remote-ip x-remote-addr cf-connecting-ipv6 fastly-client-ip "
    "x-client-cert x-envoy-external-address x-envoy-original-path"
)
_REWRITING = (
    "x-original-url x-original-uri x-original-method x-rewrite-url x-http-method x-http-method-override "
    "x-method-override method"
)
_CREDENTIALS = "authorization signature signature-input"
TAKEN = frozenset(" ".join((_FRAMING, _HOP_BY_HOP, _FORWARDING, _REWRITING, _CREDENTIALS)).split())
"""Folded header names that already mean something else to an upstream, so never an identity."""


def folded(header: str) -> str:
    """Return the name under which careless upstreams confuse headers: case, `_` and `.` gone."""
    return header.lower().replace("_", "-").replace(".", "-")


def _slug(text: str) -> str:
    if not _SLUG.fullmatch(text):
        raise Refused("must be a short name of a-z, 0-9, - and _", "it becomes part of URLs and of log lines")
    return text


def _header(text: str) -> str:
    if not _TOKEN.fullmatch(text):
        raise Refused("is not a header name (RFC 9110 5.1)")
    if folded(text).strip("-") in TAKEN:
        raise Refused("is a header that already means something else to the app behind")
    return text


def _token_header(text: str) -> str:
    """Take `Authorization`, which the gateway's word replaces, and names that mean nothing else."""
    return "Authorization" if text.lower() == "authorization" else _header(text)


def _resource(text: str) -> str:
    parts = urlsplit(text) if _URI.fullmatch(text) else None
    if parts is None or not parts.scheme or not (parts.netloc or parts.path) or "#" in text:
        raise Refused(
            "is not an absolute URI without a fragment (RFC 8707 2)", 'such as "https://api.example.com/"'
        )
    return text


def _scheme(text: str | None) -> str | None:
    if text is not None and not _TOKEN.fullmatch(text):
        raise Refused("is not an authentication scheme (RFC 9110 11.1)", 'such as "Bearer", or "off"')
    return text


def _header_or_off(value: object) -> object:
    return None if value in ("off", None) else value


def _optional_header(text: str | None) -> str | None:
    return None if text is None else _header(text)


def _identity_field(text: str) -> str:
    if text not in IDENTITY_FIELDS and not _CLAIM_FIELD.fullmatch(text):
        raise Refused("is not a field of an identity", _meant(text, (*IDENTITY_FIELDS, "claims.NAME")))
    return text


def _meant(text: str, allowed: tuple[str, ...]) -> str:
    close = nearest(text, allowed)
    return f'did you mean "{close}"?' if close else f"one of {one_of(allowed)}"


def _word(text: str) -> str:
    if not text or text != text.strip() or _CONTROL.search(text):
        raise Refused("must not be empty, nor begin or end with a space, nor hold control characters")
    return text


def _optional_word(text: str | None) -> str | None:
    return None if text is None else _word(text)


def _role(text: str) -> str:
    if not _ROLE.fullmatch(text) or not text.isprintable():
        raise Refused("must be up to 255 printable characters without spaces and commas, to fit a header")
    return text


def _scope(text: str) -> str:
    if not _SCOPE.fullmatch(text):
        raise Refused("is not a scope (RFC 6749 3.3)", "one scope an item, without spaces")
    return text


def _acr(text: str) -> str:
    if not _SCOPE.fullmatch(text):
        raise Refused("is no authentication context class", "one value an item, without spaces")
    return text


def _some_acrs(values: tuple[str, ...]) -> tuple[str, ...]:
    if len(values) > _MOST_ACRS:
        raise Refused(f"names more than {_MOST_ACRS} values", "those that will do, the best first")
    return values


def _cookie_name(text: str) -> str:
    if text.lower().startswith(("__host-", "__secure-")):
        raise Refused("must not carry a prefix", "the gateway adds __Host- or __Secure- itself")
    if not _TOKEN.fullmatch(text) or "." in text:
        raise Refused("is not a cookie name (RFC 6265 4.1.1); dots are kept for the pieces of long cookies")
    return text


def _cookie_domain(text: str) -> str:
    if text.startswith("."):
        raise Refused("must not begin with a dot", f'write "{text.lstrip(".")}"')
    host = bare_host(text)
    if "." not in host or host.rpartition(".")[2].isdigit():
        raise Refused("must be a domain of at least two labels", "leave it out for one host only")
    return host


def _prefix(text: str) -> str:
    if not _PREFIX.fullmatch(text) or text in ("/.", "/.."):
        raise Refused("must be one path segment that begins with /", 'for example "/.gateway"')
    return text


def _route_path(text: str) -> str:
    if _PATTERN.search(text):
        raise Refused("is a plain path, no pattern: it governs everything below it too", _above(text))
    if not text.startswith("/"):
        raise Refused("must begin with /", f'write "/{text}"')
    if set("?#%;\\") & set(text) or _CONTROL.search(text):
        raise Refused("must be a plain path", "write it decoded, without query, fragment, ; or backslash")
    if "//" in text or any(segment in (".", "..") for segment in text.split("/")):
        raise Refused("must have no empty segment and no . or .. segment")
    if text != "/" and text.endswith("/"):
        raise Refused(
            "must not end with /, else the path without it would be governed by another route", _bare(text)
        )
    return text


def _above(pattern: str) -> str:
    """Return what is plain at the beginning of *pattern*."""
    plain = _PLAIN.match(pattern.lstrip("^"))
    return f'such as "{(plain[0].rstrip("/") if plain else "") or "/"}"'


def _bare(path: str) -> str:
    return f'write "{path.rstrip("/")}"; it governs everything below too'


def _method(text: str) -> str:
    if not _METHOD.fullmatch(text):
        raise Refused("must be a method in upper case", f'write "{text.upper()}"' if text.isalpha() else "")
    if text in ("TRACE", "TRACK", "CONNECT"):
        raise Refused("is a method that is never passed on")
    return text


def _email(text: str) -> str:
    key = email_key(text)
    if key is None:
        raise Refused("is not a plain e-mail address")
    if key != text:
        raise Refused("must be in lower case, as addresses are compared", f'write "{key}"')
    return text


def _email_domain(text: str) -> str:
    if "@" in text:
        raise Refused("must be a domain without @", f'write "{text.rpartition("@")[2]}"')
    return bare_host(text)


def _claim_name(text: str) -> str:
    if not _CLAIM_NAME.fullmatch(text):
        raise Refused("is not a name for a claim", "use letters, digits, - and _")
    if text in ("roles", "provider"):
        raise Refused("is never taken from a claim", "the gateway knows roles and provider by itself")
    return text


def _claim_path(text: str) -> str:
    try:
        steps(_word(text))
    except ValueError:
        raise Refused(
            "is no name of a claim and no path to one",
            "join names by dots, and quote a name with a dot in it, as in "
            "'resource_access.\"wiki.app\".roles'",
        ) from None
    return text


def _group_pattern(text: str) -> str:
    if "*" in _word(text)[:-1]:
        raise Refused("has * elsewhere than at its end", 'a name, or a beginning such as "wiki-*"')
    return text


def _one_or_more(value: object) -> object:
    return [value] if isinstance(value, str) else value


def not_empty(values: Some) -> Some:
    """Return *values*; raise Refused where there are none: a rule without values would bind nobody."""
    if not values:
        raise Refused("is empty, which would not restrict anybody", "leave the key out, or name a value")
    return values


def _health_path(text: str) -> str:
    if not re.fullmatch(r"/[\x21-\x22\x24-\x7e]*", text):
        raise Refused("is not a path", 'for example "/healthz"')
    return text


def _server_name(text: str) -> str:
    return bare_host(text)


_STRING: dict[str, object] = {"type": "string"}

Slug = Annotated[str, AfterValidator(_slug)]
Word = Annotated[str, AfterValidator(_word)]
WordOrOff = Annotated[
    str | None,
    BeforeValidator(_header_or_off),
    AfterValidator(_optional_word),
    WithJsonSchema({"type": "string"}),
]
Words = Annotated[tuple[Word, ...], AfterValidator(not_empty)]
OneOrMore = Annotated[
    tuple[Word, ...],
    BeforeValidator(_one_or_more),
    AfterValidator(not_empty),
    WithJsonSchema(
        {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}
    ),
]
Header = Annotated[str, AfterValidator(_header)]
HeaderOrOff = Annotated[
    str | None,
    BeforeValidator(_header_or_off),
    AfterValidator(_optional_header),
    WithJsonSchema({"type": "string"}),
]
ResourceUri = Annotated[str, AfterValidator(_resource)]
TokenHeader = Annotated[str, AfterValidator(_token_header)]
SchemeOrOff = Annotated[
    str | None,
    BeforeValidator(_header_or_off),
    AfterValidator(_scheme),
    WithJsonSchema({"type": "string"}),
]
IdentityField = Annotated[str, AfterValidator(_identity_field)]
Role = Annotated[str, AfterValidator(_role)]
Scope = Annotated[str, AfterValidator(_scope)]
AcrValues = Annotated[
    tuple[Annotated[str, AfterValidator(_acr)], ...], AfterValidator(not_empty), AfterValidator(_some_acrs)
]
CookieName = Annotated[str, AfterValidator(_cookie_name)]
CookieDomain = Annotated[str, AfterValidator(_cookie_domain)]
Prefix = Annotated[str, AfterValidator(_prefix)]
RoutePath = Annotated[str, AfterValidator(_route_path)]
Workers = Annotated[int, Field(strict=True, ge=1, le=256)] | Literal["auto"]
HealthPath = Annotated[str, AfterValidator(_health_path)]
ServerName = Annotated[str, AfterValidator(_server_name)]
Method = Annotated[str, AfterValidator(_method)]
Email = Annotated[str, AfterValidator(_email)]
EmailDomain = Annotated[str, AfterValidator(_email_domain)]
ClaimPath = Annotated[str, AfterValidator(_claim_path)]
GroupPattern = Annotated[str, AfterValidator(_group_pattern)]
ClaimName = Annotated[str, AfterValidator(_claim_name)]

"""What may leave in a line about ourselves: bounded, printable, without a secret.

The law: no cookie, token, code, state, verifier or secret is ever logged, not even at debug level;
an exception is told by its class and its place, never by its text or its variables, since the text
of a network error may hold the headers that were sent.
"""

import re
from collections.abc import Mapping
from traceback import walk_tb

LONGEST = 256
HIDDEN = "[hidden]"

_SECRET_NAMES = frozenset(
    {
        "access_token",
        "assertion",
        "authorization",
        "client_assertion",
        "client_secret",
        "code",
        "code_verifier",
        "cookie",
        "cookies",
        "csrf",
        "csrftoken",
        "headers",
        "id_token",
        "id_token_hint",
        "key",
        "logout_token",
        "nonce",
        "password",
        "proxy_authorization",
        "query",
        "refresh_token",
        "secret",
        "set_cookie",
        "state",
        "token",
        "verifier",
        "x_gateway_assertion",
    }
)
_SECRET_ENDS = ("_token", "_secret", "_password", "_cookie", "_key")
# Nothing in it can be a query, a pair, a credential or an address: most of what is told is like that.
_PLAIN = re.compile(rf"[\w./-]{{0,{LONGEST}}}", re.ASCII)
_TOKEN = re.compile(r"eyJ[\w-]{4,}(?:\.[\w-]*){0,4}", re.ASCII)
_CREDENTIAL = re.compile(r"\b(?:Bearer|Basic|DPoP)\s+\S+", re.IGNORECASE)
_USERINFO = re.compile(r"://[^\s/@]*@")
_QUERY = re.compile(r"\?\S+")
_PAIR = re.compile(
    r"\b((?:[\w-]*[_-])?(?:cookie|token|secret|password|authorization|code|state|nonce|verifier|assertion|session"
    r"|csrf)\w*)[\"']?\s*[=:]\s*[\"']?[^\s\"',;&)}\]]+",
    re.IGNORECASE | re.ASCII,
)


def is_secret(name: str) -> bool:
    """Say whether a field called *name* may hold a secret, whatever it holds this time."""
    folded = name.lower().replace("-", "_").replace(".", "_")
    return folded in _SECRET_NAMES or folded.endswith(_SECRET_ENDS)


def clipped(text: str, longest: int = LONGEST) -> str:
    """Return *text* in at most *longest* bytes of UTF-8; what cannot be encoded is spelled out."""
    if text.isascii() and len(text) <= longest:
        return text
    return text[:longest].encode("utf-8", "backslashreplace")[:longest].decode("utf-8", "ignore")


def scrubbed(text: str) -> str:
    """Return the first bytes of free *text* without queries, credentials or anything like a token."""
    if _PLAIN.fullmatch(text) and "eyJ" not in text:
        return text
    bounded = clipped(text, 4 * LONGEST)
    for pattern, instead in (
        (_QUERY, f"?{HIDDEN}"),
        (_USERINFO, f"://{HIDDEN}@"),
        (_CREDENTIAL, HIDDEN),
        (_TOKEN, HIDDEN),
        (_PAIR, rf"\1={HIDDEN}"),
    ):
        bounded = pattern.sub(instead, bounded)
    return clipped(legible(bounded))


def legible(text: str) -> str:
    """Return *text* with every control character spelled out, so that it forges no line (CWE-117)."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def told(facts: Mapping[str, object]) -> dict[str, object]:
    """Return *facts* fit for a line: secrets hidden by name and by form, every value bounded."""
    return {
        clipped(name, 64): HIDDEN if is_secret(name) else _told_value(value) for name, value in facts.items()
    }


def _told_value(value: object) -> object:
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int):
        return value if value.bit_length() <= 64 else HIDDEN
    if isinstance(value, str):
        return scrubbed(value)
    if isinstance(value, BaseException):
        return fault(value)
    if isinstance(value, list | tuple | set | frozenset):
        return [_told_value(item) for item in list(value)[:16]]
    return type(value).__qualname__


def fault(exc: BaseException) -> str:
    """Return the class of *exc*, where it arose, and the classes behind it: never its text."""
    told_so_far = [_class_and_place(exc)]
    cause = exc.__cause__ or exc.__context__
    while cause is not None and len(told_so_far) < 4:
        told_so_far.append(_class_and_place(cause))
        cause = cause.__cause__ or cause.__context__
    return clipped(" < ".join(told_so_far))


def _class_and_place(exc: BaseException) -> str:
    name = type(exc).__qualname__
    place = ""
    for frame, line in walk_tb(exc.__traceback__):
        place = f" at {frame.f_globals.get('__name__', '?')}.{frame.f_code.co_name}:{line}"
    return name + place

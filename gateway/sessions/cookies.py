"""Cookies as bytes: read from every `Cookie` line, written one `Set-Cookie` value at a time.

The law of this file (rule F1): a line is split at `;` and nowhere else, a pair is trimmed of SP and
HTAB and of nothing else, a name is compared exactly. What a lenient parser would take for our name
(Unicode spaces, quotes, a name inside a value) is not ours.
"""

import re

from gateway.model.inbound import RawHeaders

_OCTETS = re.compile(r"[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*")  # cookie-octet, RFC 6265bis 4.1.1


def cookie_lines(headers: RawHeaders) -> list[bytes]:
    """Return the value of every `Cookie` line, in order."""
    return [line for key, line in headers if len(key) == 6 and key.lower() == b"cookie"]


def pairs(headers: RawHeaders, marker: bytes) -> list[tuple[bytes, bytes]]:
    """Return name and value of each cookie, in order, from the lines that hold *marker* at all.

    Every name that a caller looks for must hold *marker*: other lines are not even split.
    """
    found = []
    for key, line in headers:
        if len(key) == 6 and marker in line and key.lower() == b"cookie":
            for pair in line.split(b";"):
                name, equals, value = pair.strip(b" \t").partition(b"=")
                if equals:
                    found.append((name, value))
    return found


def values(headers: RawHeaders, name: str) -> list[str]:
    """Return the value of every cookie called exactly *name*, in order."""
    wanted = name.encode()
    return [value.decode("latin-1") for found, value in pairs(headers, wanted) if found == wanted]


def named(headers: RawHeaders, prefix: str) -> list[tuple[str, str]]:
    """Return name and value of every cookie whose name begins with exactly *prefix*, in order."""
    start = prefix.encode()
    return [
        (name.decode("latin-1"), value.decode("latin-1"))
        for name, value in pairs(headers, start)
        if name.startswith(start)
    ]


def set_line(
    name: str,
    value: str,
    *,
    max_age: int | None,
    secure: bool,
    domain: str | None = None,
    same_site: str = "Lax",
) -> bytes:
    """Return the `Set-Cookie` value for a cookie that no script reads, for all paths.

    *max_age* is in seconds; None lets the cookie die with the browser. Raises ValueError for a
    value that is not made of cookie octets.
    """
    if not _OCTETS.fullmatch(value):
        raise ValueError("not a cookie value")
    line = f"{name}={value}; Path=/"
    if max_age is not None:
        line += f"; Max-Age={max_age}"
    if domain is not None:
        line += f"; Domain={domain}"
    if secure:
        line += "; Secure"
    return f"{line}; HttpOnly; SameSite={same_site}".encode("ascii")


def clear_line(name: str, *, secure: bool, domain: str | None = None, same_site: str = "Lax") -> bytes:
    """Return the `Set-Cookie` value that removes the cookie of this name and domain."""
    return set_line(name, "", max_age=0, secure=secure, domain=domain, same_site=same_site)

"""Which addresses a login may touch: https, or plain http between processes of one machine."""

import re
from ipaddress import ip_address
from urllib.parse import urlsplit

_WRITTEN = re.compile(r"https?://[!-~]+")
# A host as every parser reads it: what stands round a bracket is a fault, and in a name no escapes.
_AUTHORITY = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]*)?")
_LONGEST = 2048


def is_endpoint(url: object, *, plain_http: bool) -> bool:
    """Say whether *url* is an address to call or to send a browser to.

    Absolute, printable ASCII, no user info, no fragment, `https`; `http` only to a loopback host
    and only where *plain_http* allows it (RFC 9700 2.6, OpenID Connect Discovery 3).
    """
    if not isinstance(url, str) or len(url) > _LONGEST or not _WRITTEN.fullmatch(url):
        return False
    if "\\" in url or "#" in url:
        return False
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    if not parts.hostname or not _AUTHORITY.fullmatch(parts.netloc) or port == 0:
        return False
    return parts.scheme == "https" or (plain_http and is_loopback(parts.hostname))


def is_plain_http(url: str) -> bool:
    """Say whether *url* is without TLS, so that its neighbours may be, too."""
    return url.startswith("http://")


def is_loopback(host: str) -> bool:
    """Say whether *host* (no brackets) never leaves this machine."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False

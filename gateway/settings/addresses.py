"""Where things are: URLs, hosts, sockets, networks, each accepted in one spelling only.

Law: what two parsers could read differently is refused, with the spelling that was probably meant.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema

from gateway.settings.refusal import Refused

Network = IPv4Network | IPv6Network

_URL = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<authority>[^/?#]*)(?P<rest>.*)", re.DOTALL)
_AUTHORITY = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^:\[\]@]*)(?::(?P<port>[0-9]{1,5}))?")
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_VISIBLE = re.compile(r"[\x21-\x7e]+")
_PORTS = {"http": 80, "https": 443}
UNIX = "unix:"
_DISCOVERY = "/.well-known/openid-configuration"
_LONGEST_SOCKET = 107  # sun_path of Linux, less its zero


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A host, bare and canonical, and a port."""

    host: str
    port: int

    def overlaps(self, other: "Address") -> bool:
        """Say whether both could name one socket; port 0 is a free port, which is nobody else's."""
        if self.port != other.port or self.port == 0:
            return False
        return self.host == other.host or (_is_local(self.host) and _is_local(other.host))

    @property
    def beyond_loopback(self) -> bool:
        return not is_loopback(self.host)


@dataclass(frozen=True, slots=True, kw_only=True)
class Url:
    """An http or https URL, taken apart. `host` is bare and canonical; `rest` what follows the authority."""

    scheme: str
    host: str
    port: int
    rest: str

    @property
    def tls(self) -> bool:
        return self.scheme == "https"

    @property
    def address(self) -> Address:
        return Address(host=self.host, port=self.port)

    @property
    def origin(self) -> str:
        """The URL without what follows the authority, in its canonical spelling (RFC 6454 6.2)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" + ("" if self.port == _PORTS[self.scheme] else f":{self.port}")


def url(text: str) -> Url:
    """Take apart an http or https URL; raise Refused, never repeating a user name or password."""
    found = _URL.fullmatch(text)
    if not found or not _VISIBLE.fullmatch(text):
        raise Refused("is not a URL", "write it as https://host[:port]")
    scheme = found["scheme"].lower()
    if scheme not in _PORTS:
        raise Refused("must begin with https:// or http://")
    if "@" in found["authority"]:
        raise Refused("must not hold a user name or password")
    authority = _AUTHORITY.fullmatch(found["authority"])
    if not authority or not authority["host"]:
        raise Refused("has no host that can be read", "write it as https://host[:port]")
    port = int(authority["port"] or _PORTS[scheme])
    if not 1 <= port <= 65535:
        raise Refused("has a port outside 1 to 65535")
    name = authority["host"].lower()
    return Url(scheme=scheme, host=bare_host(name), port=port, rest=found["rest"])


def bare_host(text: str) -> str:
    """Return a canonical host name or address without brackets; raise Refused."""
    literal = text.startswith("[") and text.endswith("]")
    if literal or ":" in text:
        return _address_literal(text[1:-1] if literal else text)
    labels = text.split(".")
    if not text.isascii():
        raise Refused("is not ASCII", "write an internationalised name in its xn-- form")
    if text != text.lower():
        raise Refused("must be in lower case", f'write "{text.lower()}"')
    if text.endswith("."):
        raise Refused("must not end with a dot", f'write "{text.rstrip(".")}"')
    if len(text) > 253 or not all(map(_LABEL.fullmatch, labels)):
        raise Refused("is not a host name")
    return _address_literal(text) if labels[-1].isdigit() or labels[-1].startswith("0x") else text


def _address_literal(text: str) -> str:
    try:
        address: IPv4Address | IPv6Address = ip_address(text)
    except ValueError:
        raise Refused("is not an IP address") from None
    if "%" in text or str(address) != text:
        raise Refused("is an IP address in an unusual spelling", f'write "{str(address).partition("%")[0]}"')
    return text


def is_loopback(host: str) -> bool:
    """Say whether a bare *host* is this machine whatever the network says (RFC 6761 6.3)."""
    if within(host, "localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def within(host: str, domain: str) -> bool:
    """Say whether *host* is *domain* or below it, by whole labels (RFC 6265 5.1.3)."""
    return host == domain or host.endswith(f".{domain}")


def _is_local(host: str) -> bool:
    return host in ("0.0.0.0", "::") or is_loopback(host)  # noqa: S104 - compared, not bound


def listen_address(text: str) -> Address:
    """Take apart `host:port`; raise Refused."""
    if text.startswith(UNIX):
        raise Refused("must be host:port", 'for example "127.0.0.1:8081"')
    found = _AUTHORITY.fullmatch(text)
    if not found or found["port"] is None:
        raise Refused("must be host:port", 'for example "127.0.0.1:8080" or "[::1]:8080"')
    if found["host"] in ("", "*"):
        raise Refused(
            "names no address", f'every interface is "0.0.0.0:{found["port"]}" or "[::]:{found["port"]}"'
        )
    if int(found["port"]) > 65535:
        raise Refused("has a port outside 0 to 65535")
    return Address(host=bare_host(found["host"]), port=int(found["port"]))


def socket_path(text: str) -> str:
    """Return the path that a `unix:` address names, empty where *text* is another; raise Refused."""
    if not text.startswith(UNIX):
        return ""
    path = text.removeprefix(UNIX)
    if not path.startswith("/") or path.startswith("//") or not _VISIBLE.fullmatch(path):
        raise Refused("is not the path of a socket", 'for example "unix:/run/app.sock"')
    if len(path) > _LONGEST_SOCKET:
        raise Refused(f"is longer than {_LONGEST_SOCKET} bytes, which no socket's path may be")
    return path


def _listen(text: str) -> str:
    listen_address(text)
    return text


def _listen_publicly(text: str) -> str:
    return text if socket_path(text) else _listen(text)


def _public_url(text: str) -> str:
    found = url(text)
    if not found.tls and not is_loopback(found.host):
        raise Refused("must be https unless the host is loopback", f'write "https://{found.host}"')
    if text != found.origin:
        raise Refused(
            "must be an origin in its canonical spelling: no path, no query, no default port, lower case",
            f'write "{found.origin}"',
        )
    return text


def _issuer_url(text: str) -> str:
    found = url(text)
    if not found.tls and not is_loopback(found.host):
        raise Refused("must be https unless the host is loopback (OpenID Connect Discovery 3)")
    if "?" in found.rest or "#" in found.rest:
        raise Refused("must have no query and no fragment (OpenID Connect Core 2)")
    if found.rest.endswith(_DISCOVERY):
        raise Refused("is where its discovery document lies", f'write "{text.removesuffix(_DISCOVERY)}"')
    return text


def _endpoint_url(text: str) -> str:
    found = url(text)
    if not found.tls and not is_loopback(found.host):
        raise Refused("must be https unless the host is loopback (RFC 9700 2.6)")
    if "#" in found.rest:
        raise Refused("must have no fragment (RFC 6749 3.1)")
    return text


def upstream_url(text: str) -> str:
    """Return the origin of an app behind the gateway; raise Refused where there is more to it."""
    found = url(text)
    if found.rest not in ("", "/"):
        raise Refused(
            "must have no path and no query: the request's own path is sent as it came",
            f'write "{found.origin}", and strip_prefix on the route where the app is not to see its prefix',
        )
    return found.origin


def member_url(text: str) -> str:
    """Return where one member of an upstream listens: an origin, or `unix:` and a path; raise Refused."""
    return text if socket_path(text) else upstream_url(text)


def _host_pattern(text: str) -> str:
    if text == "*":
        raise Refused("is a wildcard over every host", "leave it out: a route without a host governs any")
    wildcard = text.startswith("*.")
    name = text.removeprefix("*.")
    if "/" in name:
        raise Refused("must be a host, without a scheme and a path", 'such as "wiki.example.com"')
    if "*" in name:
        raise Refused(
            "has a wildcard elsewhere than in front", 'write "*.example.com", which covers one label'
        )
    if re.fullmatch(r"[^:\[\]]+:[0-9]+", name):
        raise Refused("must be a host without a port", f'write "{text.rpartition(":")[0]}"')
    host = bare_host(name)
    if wildcard and ("." not in host or host.rpartition(".")[2].isdigit()):
        raise Refused("is a wildcard over more than one domain", 'write "*.example.com"')
    return f"[{host}]" if ":" in host else text


def _network(value: object) -> Network:
    if not isinstance(value, str):
        raise Refused("must be a network in CIDR notation", 'for example "10.0.0.0/8" or "::1/128"')
    try:
        return ip_network(value)
    except ValueError:
        pass
    try:
        meant = f'write "{ip_network(value, strict=False)}"'
    except ValueError:
        meant = 'for example "10.0.0.0/8" or "::1/128"'
    raise Refused("is not a network in CIDR notation", meant)


def _trusted(value: object) -> Network | str:
    return UNIX if value == UNIX else _network(value)


def everybody_is_among(trusted: Iterable[Network | str]) -> bool:
    """Say whether *trusted* holds every address of a kind."""
    return any(not isinstance(each, str) and each.prefixlen == 0 for each in trusted)


PublicUrl = Annotated[str, AfterValidator(_public_url)]
IssuerUrl = Annotated[str, AfterValidator(_issuer_url)]
EndpointUrl = Annotated[str, AfterValidator(_endpoint_url)]
UpstreamUrl = Annotated[str, AfterValidator(member_url)]
HostPattern = Annotated[str, AfterValidator(_host_pattern)]
Listen = Annotated[str, AfterValidator(_listen)]
PublicListen = Annotated[str, AfterValidator(_listen_publicly)]
Cidr = Annotated[Network, BeforeValidator(_network), WithJsonSchema({"type": "string"})]
TrustedProxy = Annotated[
    Network | Literal["unix:"], BeforeValidator(_trusted), WithJsonSchema({"type": "string"})
]

"""Where the keys of an issuer are that may have nothing but keys: no login page, no token endpoint.

Law: its metadata is OpenID Connect Discovery's; only where that is not there (404) it is RFC 8414's. Any
other answer is an outage, and either document must name exactly the issuer.
"""

from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

from gateway.errors import IssuerUnavailable
from gateway.model.event import Clock
from gateway.relying_party.discovery import DEADLINE, discovery_url, endpoint_in, read_document
from gateway.relying_party.fetched import Fetched
from gateway.relying_party.http import IssuerHttp

_WELL_KNOWN = "/.well-known/oauth-authorization-server"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPlace:
    """Where *issuer* publishes its keys, the address checked."""

    issuer: str
    jwks_uri: str


class KeyDiscovery:
    """Where the keys of one issuer are: asked for when first needed, kept for an hour."""

    def __init__(self, issuer: str, *, http: IssuerHttp, clock: Clock) -> None:
        self._issuer = issuer
        self._http = http
        self._fetched = Fetched(self._fetch, clock=clock)

    async def metadata(self) -> KeyPlace:
        """Return where the keys are. Raises IssuerUnavailable, also where the metadata does not hold."""
        return await self._fetched.current()

    async def _fetch(self) -> KeyPlace:
        document = await server_metadata(self._issuer, http=self._http)
        return read_key_place(document, issuer=self._issuer)


async def server_metadata(issuer: str, *, http: IssuerHttp) -> dict[str, object]:
    """Return the metadata of *issuer*, of which nothing is checked yet. Raises IssuerUnavailable."""
    answer = await http.get(discovery_url(issuer), deadline=DEADLINE)
    if answer.status == 404:
        answer = await http.get(server_metadata_url(issuer), deadline=DEADLINE)
    return read_document(answer, issuer=issuer)


def server_metadata_url(issuer: str) -> str:
    """Return where the metadata of *issuer* is by RFC 8414 3.1: before its path, not after it."""
    parts = urlsplit(issuer)
    return urlunsplit((parts.scheme, parts.netloc, _WELL_KNOWN + parts.path.rstrip("/"), "", ""))


def read_key_place(document: dict[str, object], *, issuer: str) -> KeyPlace:
    """Return the place in *document*, which must name exactly *issuer* (RFC 8414 3.3)."""
    check_issuer(document, issuer)
    return KeyPlace(issuer=issuer, jwks_uri=endpoint_in(document, "jwks_uri", issuer))


def check_issuer(document: dict[str, object], issuer: str) -> None:
    """Refuse metadata of anybody but *issuer*. Raises IssuerUnavailable."""
    if document.get("issuer") != issuer:
        raise IssuerUnavailable(f"{issuer}: its metadata names another issuer")

"""OpenID Connect Discovery 1.0: where an issuer's endpoints are."""

from collections.abc import Callable
from dataclasses import dataclass

from gateway.errors import IssuerUnavailable
from gateway.model.event import Clock
from gateway.model.issuer_health import FetchedDocument
from gateway.relying_party.endpoint import is_endpoint, is_plain_http
from gateway.relying_party.fetched import Fetched
from gateway.relying_party.http import MEBIBYTE, IssuerAnswer, IssuerHttp
from gateway.relying_party.strict_json import JsonRefused, read_object

DEADLINE = 5.0
Check = Callable[[dict[str, object]], None]
_ALIASED = frozenset(
    {
        "token_endpoint",
        "userinfo_endpoint",
        "revocation_endpoint",
        "pushed_authorization_request_endpoint",
        "introspection_endpoint",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuerMetadata:
    """What we take from an issuer's metadata, every address checked.

    Algorithms are not among it: those are pinned by the configuration. `promises_iss` says that
    each authorization response carries `iss` (RFC 9207 3).
    """

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None = None
    end_session_endpoint: str | None = None
    revocation_endpoint: str | None = None
    pushed_request_endpoint: str | None = None
    requires_pushed_requests: bool = False
    promises_iss: bool = False


class Discovery:
    """The metadata of one issuer: asked for when first needed, kept for an hour.

    *aliases* says to take the endpoints that ask for a client certificate where there are any; *check*
    looks at the document too, and raises IssuerUnavailable. *named* is what the document calls the issuer,
    where that is not its own name.
    """

    def __init__(
        self,
        issuer: str,
        *,
        http: IssuerHttp,
        clock: Clock,
        aliases: bool = False,
        check: Check | None = None,
        named: str | None = None,
    ) -> None:
        self._issuer = issuer
        self._named = named or issuer
        self._aliases = aliases
        self._check = check
        self._http = http
        self._fetched = Fetched(self._fetch, clock=clock)

    async def metadata(self) -> IssuerMetadata:
        """Return the checked metadata. Raises IssuerUnavailable, also where it does not hold."""
        return await self._fetched.current()

    @property
    def known(self) -> IssuerMetadata | None:
        """The metadata as last seen, None before the first; nothing is asked."""
        return self._fetched.known

    @property
    def document(self) -> FetchedDocument:
        """How fetching it went so far; nothing is asked."""
        return self._fetched.document

    async def _fetch(self) -> IssuerMetadata:
        answer = await self._http.get(discovery_url(self._issuer), deadline=DEADLINE)
        document = read_document(answer, issuer=self._issuer)
        found = read_metadata(document, issuer=self._issuer, aliases=self._aliases, named=self._named)
        if self._check is not None:
            self._check(document)
        return found


def discovery_url(issuer: str) -> str:
    """Return where the metadata of *issuer* is (OpenID Connect Discovery 4.1)."""
    return issuer.rstrip("/") + "/.well-known/openid-configuration"


def read_document(answer: IssuerAnswer, *, issuer: str) -> dict[str, object]:
    """Return the document in *answer*, of which nothing is checked yet. Raises IssuerUnavailable."""
    if answer.status != 200:
        raise IssuerUnavailable(f"{issuer}: discovery answered {answer.status}")
    try:
        return read_object(answer.body, limit=MEBIBYTE)
    except JsonRefused as error:
        raise IssuerUnavailable(f"{issuer}: discovery: {error}") from None


def read_metadata(
    document: dict[str, object], *, issuer: str, aliases: bool = False, named: str | None = None
) -> IssuerMetadata:
    """Return the checked metadata in *document*, which must name exactly *issuer* (Discovery 4.3).

    With *named*, it must name exactly that. With *aliases*, endpoints that we call ourselves are those for
    client certificates (RFC 8705 5).
    """
    if document.get("issuer") != (named or issuer):
        raise IssuerUnavailable(f"{issuer}: its metadata names another issuer")
    if aliases:
        document = aliased(document)
    return IssuerMetadata(
        issuer=issuer,
        authorization_endpoint=endpoint_in(document, "authorization_endpoint", issuer),
        token_endpoint=endpoint_in(document, "token_endpoint", issuer),
        jwks_uri=endpoint_in(document, "jwks_uri", issuer),
        userinfo_endpoint=(
            None
            if document.get("userinfo_endpoint") is None
            else endpoint_in(document, "userinfo_endpoint", issuer)
        ),
        end_session_endpoint=_optional(document, "end_session_endpoint", issuer),
        revocation_endpoint=_optional(document, "revocation_endpoint", issuer),
        pushed_request_endpoint=_optional(document, "pushed_authorization_request_endpoint", issuer),
        requires_pushed_requests=document.get("require_pushed_authorization_requests") is True,
        promises_iss=document.get("authorization_response_iss_parameter_supported") is True,
    )


def aliased(document: dict[str, object]) -> dict[str, object]:
    """Return *document* with the endpoints that are for clients with a certificate (RFC 8705 5).

    Only such as we call ourselves: where the browser goes, and whose keys are whose, is said in one place.
    """
    aliases = document.get("mtls_endpoint_aliases")
    if not isinstance(aliases, dict):
        return document
    ours = {name: url for name, url in aliases.items() if name in _ALIASED and url is not None}
    return {**document, **ours}


def endpoint_in(document: dict[str, object], name: str, issuer: str) -> str:
    """Return the address *name* in *document*. Raises IssuerUnavailable where it is none to call."""
    url = document.get(name)
    if not isinstance(url, str) or not is_endpoint(url, plain_http=is_plain_http(issuer)):
        raise IssuerUnavailable(f"{issuer}: its metadata has no usable {name}")
    return url


def _optional(document: dict[str, object], name: str, issuer: str) -> str | None:
    """Return an address that a login can do without: an unusable one keeps nobody from signing in."""
    url = document.get(name)
    usable = is_endpoint(url, plain_http=is_plain_http(issuer))
    return url if isinstance(url, str) and usable else None

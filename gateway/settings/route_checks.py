"""Contradictions among routes, upstreams and the identity they are told."""

from collections.abc import Callable, Iterator

from gateway.model.route import covers
from gateway.settings.addresses import upstream_url, url, within
from gateway.settings.bearer_checks import bearers
from gateway.settings.fields import folded
from gateway.settings.introspection_checks import introspections
from gateway.settings.notation import KeyPath, nearest
from gateway.settings.refusal import Finding, Refused
from gateway.settings.routes import PERSONAL, IdentitySettings, RouteSettings, RuleSettings
from gateway.settings.schema import Settings
from gateway.settings.websocket_checks import websockets

_SHARED = "hmac-sha256"


def _any_route(settings: Settings) -> Iterator[Finding]:
    if not settings.routes:
        yield Finding(
            path=("routes",),
            message="there are none, so every request would be answered 404",
            suggestion='add [[routes]] with upstream = "http://…"',
        )


def _distinct(settings: Settings) -> Iterator[Finding]:
    seen: dict[tuple[str | None, str], int] = {}
    for index, route in enumerate(settings.routes):
        first = seen.setdefault((route.host, route.path), index)
        if first != index:
            yield Finding(
                path=("routes", index, "path"),
                message=f"{route.host or 'any host'} {route.path} is already governed by routes[{first}]",
                suggestion="one route for a host and a path",
                because=(
                    ("routes", index, "host"),
                    ("routes", first, "host"),
                    ("routes", first, "path"),
                ),
            )


def _reserved(settings: Settings) -> Iterator[Finding]:
    for index, route in enumerate(settings.routes):
        if covers(settings.prefix, route.path):
            yield Finding(
                path=("routes", index, "path"),
                message=f"lies under {settings.prefix}, which the gateway answers itself",
                suggestion="choose another path, or another prefix",
                because=(("prefix",),),
            )


def _upstreams(settings: Settings) -> Iterator[Finding]:
    for index, route in enumerate(settings.routes):
        if route.upstream is not None and route.upstream not in settings.upstreams:
            yield from _unnamed(("routes", index, "upstream"), route.upstream, settings)


# What is done to a request as we send it on; without an upstream somebody else does.
_SENDING = ("strip_prefix", "max_body", "websocket")


def _forward_auth(settings: Settings) -> Iterator[Finding]:
    if "off" in settings.upstreams:
        yield Finding(
            path=("upstreams", "off"),
            message='cannot be called so: upstream = "off" says that there is none',
            suggestion="choose another name",
        )
    for index, route in enumerate(settings.routes):
        path = ("routes", index)
        if route.upstream is not None:
            continue
        if not settings.trusted_proxies:
            yield Finding(
                path=(*path, "upstream"),
                message='is "off", and no proxy is trusted to ask: nothing would ever pass',
                suggestion="name the proxy's address in trusted_proxies",
                because=(("trusted_proxies",),),
            )
        if settings.identity_of(route).signature != "off":
            yield Finding(
                path=(*path, "identity", "signature"),
                message='signs requests as they are sent, which with upstream = "off" somebody else does',
                suggestion='write identity = { signature = "off" }, and let the app verify the assertion',
                because=((*path, "upstream"), ("identity", "signature")),
            )
        for key in _SENDING:
            if getattr(route, key):
                yield Finding(
                    path=(*path, key),
                    message='is up to the proxy that sends the requests, since upstream = "off"',
                    suggestion="leave it out here, and set it there",
                    because=((*path, "upstream"),),
                )


def _unnamed(path: KeyPath, text: str, settings: Settings) -> Iterator[Finding]:
    if "/" in text or ":" in text:
        try:
            upstream_url(text)
        except Refused as refusal:
            yield Finding(path=path, message=str(refusal), suggestion=refusal.suggestion)
        return
    names = list(settings.upstreams)
    close = nearest(text, names)
    known = f"known: {', '.join(names)}" if names else "write the URL of the app, or add [upstreams.NAME]"
    suggestion = f'did you mean "{close}"?' if close else known
    yield Finding(path=path, message="is no upstream", suggestion=suggestion, because=(("upstreams", text),))


def _access(settings: Settings) -> Iterator[Finding]:
    for index, route in enumerate(settings.routes):
        path = ("routes", index)
        if route.access == "public":
            yield from _nobody_known(path, route)
        elif route.access == "authenticated" and not settings.providers and not route.bearer:
            yield Finding(
                path=(*path, "access"),
                message="needs somebody signed in, and there is no provider to sign in at",
                suggestion='add [[providers]], or write access = "public"',
                because=(("providers",),),
            )


def _nobody_known(path: KeyPath, route: RouteSettings) -> Iterator[Finding]:
    keys = [(key,) for key in _personal(route)] + [("deny", key) for key in _personal(route.deny)]
    if route.roles_from is not None:
        keys.append(("roles_from",))
    for key in keys:
        yield Finding(
            path=(*path, *key),
            message='asks who is calling, and a route with access = "public" never knows',
            suggestion='write access = "authenticated", or leave the rule out',
            because=((*path, "access"),),
        )


def _personal(rules: RuleSettings) -> list[str]:
    return [key for key in PERSONAL if getattr(rules, key)]


def _proofs(settings: Settings) -> Iterator[Finding]:
    """A proof can only be asked of somebody, and only of whoever can give it."""
    kinds = {each.type for each in settings.providers}
    for index, route in enumerate(settings.routes):
        for key in ("max_auth_age", "acr_values"):
            if getattr(route, key) and route.access != "authenticated":
                yield Finding(
                    path=("routes", index, key),
                    message=f'asks whoever is signed in, and with access = "{route.access}" strangers pass',
                    suggestion='write access = "authenticated", or leave it out',
                    because=(("routes", index, "access"),),
                )
        if route.acr_values and kinds and "oidc" not in kinds:
            yield Finding(
                path=("routes", index, "acr_values"),
                message="can never be met: only an issuer says how somebody signed in",
                suggestion="add an issuer, or ask for max_auth_age instead",
                because=(("providers",),),
            )
        if route.max_auth_age and kinds == {"oauth2"}:
            yield Finding(
                path=("routes", index, "max_auth_age"),
                message="can never be met: without ID tokens nobody says when somebody signed in",
                suggestion="leave it out, or add an OpenID Connect issuer or passwords",
                because=(("providers",),),
            )


def _has_issuer(settings: Settings) -> bool:
    return any(provider.type == "oidc" for provider in settings.providers)


def _reach(settings: Settings) -> Iterator[Finding]:
    """A session cookie that never reaches a route's host would make every login there begin again."""
    public, domain = url(settings.public_url).host, settings.session.cookie.domain
    for index, route in enumerate(settings.routes):
        if route.host is None or route.access == "public" or _reaches(route.host, public, domain):
            continue
        if route.takes_bearers:  # programs call there
            continue
        suggestion = f'set session.cookie.domain to a domain above both, or write host = "{public}"'
        yield Finding(
            path=("routes", index, "host"),
            message=f"is never sent the session cookie of {public}, so nobody could sign in there",
            suggestion=suggestion,
            because=(("public_url",), ("session", "cookie", "domain"), ("routes", index, "access")),
        )


def _reaches(pattern: str, public: str, domain: str | None) -> bool:
    host = pattern.removeprefix("*.").strip("[]")
    if domain is not None:
        return within(host, domain)
    return public.partition(".")[2] == host if pattern.startswith("*.") else public == host


def _identity(settings: Settings) -> Iterator[Finding]:
    yield from _confused(("identity",), settings.identity)
    for name, upstream in settings.upstreams.items():
        if upstream.identity is not None:
            told = settings.identity.overridden(upstream.identity)
            yield from _confused(("upstreams", name, "identity"), told)
    for index, route in enumerate(settings.routes):
        if route.identity is not None:
            yield from _confused(("routes", index, "identity"), settings.identity_of(route))


def _signature_keys(settings: Settings) -> Iterator[Finding]:
    """A key that signs nothing would be taken for protection."""
    signed = {route.upstream for route in settings.routes if settings.identity_of(route).signature == _SHARED}
    for name, upstream in settings.upstreams.items():
        if upstream.signature_key is not None and name not in signed:
            yield Finding(
                path=("upstreams", name, "signature_key"),
                message=f'signs nothing: no route to it has signature = "{_SHARED}"',
                suggestion=f'write identity = {{ signature = "{_SHARED}" }} here, or leave the key out',
                because=(("upstreams", name, "identity"), ("identity",), ("routes",)),
            )


def _confused(path: KeyPath, told: IdentitySettings) -> Iterator[Finding]:
    """Two names that one upstream may read as one (case, `_` and `.` fold) would be one forged identity."""
    seen = {folded(told.assertion): told.assertion} if told.assertion else {}
    for name in told.headers:
        first = seen.setdefault(folded(name), name)
        if first is not name:
            yield Finding(
                path=(*path, "headers", name),
                message=f'cannot be told from "{first}" by apps that fold header names',
                suggestion="choose names that differ in letters",
                because=((*path, "assertion"), ("identity",)),
            )


_FORWARDING = ("token_header", "token_scheme", "on_refresh_error")


def _forwarding(settings: Settings) -> Iterator[Finding]:
    for index, route in enumerate(settings.routes):
        path = ("routes", index)
        if route.forward_token is None:
            yield from _forwards_nothing(path, route)
            continue
        if route.access == "public":
            yield Finding(
                path=(*path, "forward_token"),
                message='sends the caller\'s token, and a route with access = "public" never knows who calls',
                suggestion='write access = "authenticated" or "optional"',
                because=((*path, "access"),),
            )
        if all(provider.type == "password" for provider in settings.providers):
            yield Finding(
                path=(*path, "forward_token"),
                message="needs an issuer that gives tokens, and there is none",
                suggestion="add [[providers]] with an issuer",
                because=(("providers",),),
            )
        elif route.forward_token == "id_token" and not _has_issuer(settings):  # noqa: S105 - a kind
            yield Finding(
                path=(*path, "forward_token"),
                message="needs an issuer that gives ID tokens, and there is none",
                suggestion='write "access_token"',
                because=(("providers",),),
            )
        yield from _told_apart(path, route, settings)


_FOR_TOKENS = ("resource", "exchange_audience")


def _upstream_tokens(settings: Settings) -> Iterator[Finding]:
    """What an upstream says about access tokens means something where a route forwards it one."""
    given = {route.upstream for route in settings.routes if route.forward_token == "access_token"}  # noqa: S105
    for name, upstream in settings.upstreams.items():
        for key in _FOR_TOKENS:
            if getattr(upstream, key) is not None and name not in given:
                yield Finding(
                    path=("upstreams", name, key),
                    message="means nothing: no route forwards an access token to this upstream",
                    suggestion='write forward_token = "access_token" on a route, or leave it out',
                    because=(("routes",),),
                )
    for index, route in enumerate(settings.routes):
        own = settings.named_upstream(route)
        by_id = route.forward_token not in (None, "access_token")
        if by_id and own and any(getattr(own, key) for key in _FOR_TOKENS):
            yield Finding(
                path=("routes", index, "forward_token"),
                message="is sent to an upstream that has access tokens made for it",
                suggestion='write "access_token"',
                because=(("routes", index, "upstream"),),
            )


def _forwards_nothing(path: KeyPath, route: RouteSettings) -> Iterator[Finding]:
    for key in _FORWARDING:
        if getattr(route, key) != RouteSettings.model_fields[key].default:
            yield Finding(
                path=(*path, key),
                message="means nothing where no token is forwarded",
                suggestion='write forward_token = "access_token", or leave it out',
                because=((*path, "forward_token"),),
            )


def _told_apart(path: KeyPath, route: RouteSettings, settings: Settings) -> Iterator[Finding]:
    told = settings.identity_of(route)
    names = [*told.headers, *filter(None, [told.assertion])]
    if folded(route.token_header) in map(folded, names):
        yield Finding(
            path=(*path, "token_header"),
            message="is a header that tells the identity already",
            suggestion="choose another",
            because=(("identity",), (*path, "identity")),
        )


ROUTE_CHECKS: tuple[Callable[[Settings], Iterator[Finding]], ...] = (
    _any_route,
    _distinct,
    _reserved,
    _upstreams,
    _forward_auth,
    _access,
    _proofs,
    websockets,
    _reach,
    _identity,
    _signature_keys,
    _forwarding,
    bearers,
    introspections,
    _upstream_tokens,
)

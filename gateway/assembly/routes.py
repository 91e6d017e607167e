"""From what is written of routes to the table's values: what is the same of several is one thing."""

from collections.abc import Callable, Sequence

from gateway.assembly.bearers import trusted
from gateway.assembly.providers import claims_named
from gateway.assembly.upstreams import upstream_of
from gateway.model.bearer import Bearer
from gateway.model.proof import Demand
from gateway.model.route import (
    Access,
    Forwarded,
    Forwarding,
    IdentityHeaders,
    OnRefreshError,
    Rate,
    RequestAlgorithm,
    Route,
    Rules,
    WebSocketTerms,
)
from gateway.model.upstream import Upstream
from gateway.routing.table import Table, without_port
from gateway.settings.addresses import url
from gateway.settings.routes import (
    IdentitySettings,
    RateSettings,
    RouteSettings,
    RuleSettings,
    WebSocketLimitSettings,
)
from gateway.settings.schema import Settings

_RULES = frozenset(RuleSettings.model_fields)
_TERMS = frozenset(("websocket_limits", "websocket_ping"))
_NO_RULES = Rules()


def build_routes(settings: Settings) -> tuple[Route, ...]:
    """Return the configured routes as the table takes them: what is the same of several is one thing."""
    shared = _Shared(settings)
    return tuple(_route(settings, route, shared) for route in settings.routes)


class _Shared:
    """What several routes have alike is made once, and is one thing: thousands of routes are mostly alike."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._upstreams: dict[str, Upstream] = {}
        self._by_spelling: dict[str, Upstream] = {}
        self._bearers: dict[Bearer, Bearer] = {}
        self._identities: dict[IdentityHeaders, IdentityHeaders] = {}
        self._told_there: dict[str | None, IdentityHeaders] = {}
        self._named = claims_named(settings)

    def upstream(self, route: RouteSettings) -> Upstream | None:
        """Return where *route* leads; two spellings of one origin are one upstream."""
        called = route.upstream
        if called is None:
            return None
        if (known := self._by_spelling.get(called)) is None:
            name, upstream = self._settings.upstream_of(called)
            known = self._upstreams.get(name) or upstream_of(name, upstream)
            self._by_spelling[called] = self._upstreams[name] = known
        return known

    def identity(self, route: RouteSettings) -> IdentityHeaders:
        """Return what *route*'s upstream is told; only the route's own words make it another."""
        usual = route.identity is None
        if usual and (known := self._told_there.get(route.upstream)):
            return known
        made = _identity(self._settings.identity_of(route))
        told = self._identities.setdefault(made, made)
        if usual:
            self._told_there[route.upstream] = told
        return told

    def bearer(self, route: RouteSettings) -> Bearer | None:
        bearer = _bearer(self._settings, route, self._named)
        return None if bearer is None else self._bearers.setdefault(bearer, bearer)


def _route(settings: Settings, route: RouteSettings, shared: _Shared) -> Route:
    return Route(
        name=name_of(route),
        host=route.host,
        path=route.path,
        upstream=shared.upstream(route),
        audience=route.audience or "",
        access=Access(route.access),
        allow=_rules(route),
        deny=_rules(route.deny),
        demand=_demand(route),
        asks_for_roles=route.asks_for_roles,
        methods=frozenset(route.methods) if route.methods else None,
        own_origin=route.csrf == "fetch-metadata",
        strip_prefix=route.strip_prefix,
        max_body=route.max_body,
        allow_in_path=frozenset(route.allow_in_path),
        websocket=route.websocket,
        websocket_terms=_terms(route),
        rate=_rate(route.rate_limit),
        identity=shared.identity(route),
        forwarding=_forwarding(settings, route),
        bearer=shared.bearer(route),
    )


def _forwarding(settings: Settings, route: RouteSettings) -> Forwarding | None:
    if route.forward_token is None:
        return None
    named = settings.named_upstream(route)
    return Forwarding(
        token=Forwarded(route.forward_token),
        header=route.token_header,
        scheme=route.token_scheme,
        on_error=OnRefreshError(route.on_refresh_error),
        resource=named.resource if named else None,
        audience=named.exchange_audience if named else None,
    )


def _bearer(settings: Settings, route: RouteSettings, named: Sequence[str]) -> Bearer | None:
    if not route.takes_bearers:
        return None
    issuers = tuple(trusted(settings, each, named=named) for each in route.bearer)
    personal = name_of(route) if route.personal_tokens else ""
    return Bearer(issuers=issuers, forward=route.forward_bearer, personal=personal)


def name_of(route: RouteSettings) -> str:
    """Return what a route is called in logs, lists and personal tokens."""
    return f"{route.host or ''}{route.path}"


def _rate(rate: RateSettings | None) -> Rate | None:
    if rate is None:
        return None
    return Rate(requests=rate.requests, per=rate.per, by=rate.by, shared=rate.store == "redis")


def _terms(route: RouteSettings) -> WebSocketTerms:
    if _TERMS.isdisjoint(route.model_fields_set):
        return _USUAL_TERMS
    return _websocket_terms(route.websocket_limits, ping=route.websocket_ping)


def _websocket_terms(limits: WebSocketLimitSettings, *, ping: float | None) -> WebSocketTerms:
    return WebSocketTerms(message=limits.message, frames=limits.frames, idle=limits.idle, ping=ping)


_USUAL_TERMS = _websocket_terms(WebSocketLimitSettings(), ping=None)


def _rules(rules: RuleSettings) -> Rules:
    if _RULES.isdisjoint(rules.model_fields_set):
        return _NO_RULES
    return Rules(
        roles=frozenset(rules.roles),
        groups=frozenset(rules.groups),
        emails=frozenset(rules.emails),
        email_domains=frozenset(rules.email_domains),
        users=frozenset(rules.users),
        networks=rules.networks,
        claims=tuple((name, frozenset(values)) for name, values in rules.claims.items()),
    )


def _demand(route: RouteSettings) -> Demand | None:
    if route.max_auth_age is None and not route.acr_values:
        return None
    max_age = None if route.max_auth_age is None else int(route.max_auth_age)
    return Demand(max_age=max_age, acr_values=route.acr_values)


def _identity(identity: IdentitySettings) -> IdentityHeaders:
    return IdentityHeaders(
        headers=tuple(identity.headers.items()),
        assertion=identity.assertion,
        signature=None if identity.signature == "off" else RequestAlgorithm(identity.signature),
    )


def hosts_served(settings: Settings, table: Table) -> Callable[[str], bool]:
    """Return the predicate over canonical hosts: that of `public_url`, and those that routes name."""
    public = url(settings.public_url).origin.partition("://")[2]
    return lambda host: host == public or table.governs(without_port(host))

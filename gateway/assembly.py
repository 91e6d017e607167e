"""From the whole `Settings` to the narrow values that each room takes; only this floor sees both."""

from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path

from gateway.errors import Fault, SettingsInvalid
from gateway.model.bearer import HELD, Bearer, Callers, Introspection, Trusted
from gateway.model.cookies import CookieNames
from gateway.model.proof import Demand
from gateway.model.role import EarnedRole
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
from gateway.model.upstream import Balance, Health, Limits, Member, Timeouts, Trust, Upstream
from gateway.relying_party.client_keys import ClientKey, ClientKeyRefused
from gateway.relying_party.client_tls import ClientTls
from gateway.relying_party.fapi2 import hardened
from gateway.relying_party.registration import ClaimNames, OAuthEndpoints, Registration, RoleGrant
from gateway.routing.table import Table, without_port
from gateway.sessions.strategy import Policy
from gateway.settings.addresses import UNIX, url
from gateway.settings.bearers import BearerSettings
from gateway.settings.client_keys import ClientKeySettings, ProviderTlsSettings
from gateway.settings.known_presets import PRESETS
from gateway.settings.preset_checks import assertion_audience, signed_claims
from gateway.settings.providers import STANDARD_CLAIMS, ProviderSettings
from gateway.settings.redis_url import redis_address
from gateway.settings.roles import RoleGrantSettings
from gateway.settings.routes import (
    IdentitySettings,
    RateSettings,
    RouteSettings,
    RuleSettings,
    WebSocketLimitSettings,
)
from gateway.settings.schema import Settings
from gateway.settings.upstreams import HealthSettings, UpstreamSettings
from gateway.store.redis_account import RedisAccount
from gateway.store.redis_server import Place, RedisLogin
from gateway.store.redis_tls import RedisTls

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

    def upstream(self, route: RouteSettings) -> Upstream | None:
        """Return where *route* leads; two spellings of one origin are one upstream."""
        called = route.upstream
        if called is None:
            return None
        if (known := self._by_spelling.get(called)) is None:
            name, upstream = self._settings.upstream_of(called)
            known = self._upstreams.get(name) or _upstream(name, upstream)
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
        bearer = _bearer(self._settings, route)
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


def _bearer(settings: Settings, route: RouteSettings) -> Bearer | None:
    if not route.takes_bearers:
        return None
    issuers = tuple(trusted(settings, each) for each in route.bearer)
    personal = name_of(route) if route.personal_tokens else ""
    return Bearer(issuers=issuers, forward=route.forward_bearer, personal=personal)


def name_of(route: RouteSettings) -> str:
    """Return what a route is called in logs, lists and personal tokens."""
    return f"{route.host or ''}{route.path}"


def trusted(settings: Settings, bearer: BearerSettings) -> Trusted:
    """Return what is asked of an issuer's tokens; their claims are read as its logins' are, unless told."""
    same = next((each for each in settings.providers if each.issuer == bearer.issuer), None)
    claims = same.claims if same is not None and "claims" not in bearer.model_fields_set else bearer.claims
    return Trusted(
        issuer=bearer.issuer,
        audiences=bearer.audience,
        algorithms=bearer.algorithms,
        scopes=bearer.scopes,
        typ=bearer.typ,
        callers=Callers(bearer.callers),
        claims=tuple(claims.items()),
        hold=int(bearer.introspection.hold) if bearer.introspection else HELD,
        introspection=_introspection(bearer, same),
    )


def _introspection(bearer: BearerSettings, same: ProviderSettings | None) -> Introspection | None:
    asked = bearer.introspection
    if asked is None:
        return None
    return Introspection(
        client_id=asked.client_id or (same.client_id if same else None) or "",
        endpoint=asked.endpoint or "",
        every_token=asked.tokens == "all",
        signed=asked.format != "json",
        encrypted=asked.format == "encrypted",
        calls_per_second=asked.calls_per_second,
    )


def _upstream(name: str, upstream: UpstreamSettings) -> Upstream:
    timeouts, tls = upstream.timeouts, upstream.tls
    return Upstream(
        name=name,
        members=tuple(_member(each) for each in upstream.urls),
        audience=upstream.audience or name,
        preserve_host=upstream.preserve_host,
        reuse=upstream.reuse,
        timeouts=Timeouts(connect=timeouts.connect, first_byte=timeouts.first_byte, idle=timeouts.idle),
        balance=Balance(upstream.balance),
        health=_health(upstream.health),
        slow_start=upstream.slow_start or 0.0,
        limits=Limits(connections=upstream.limits.connections, queue=upstream.limits.queue),
        trust=Trust(
            ca=tls.ca or "",
            client_cert=tls.client_cert or "",
            client_key=tls.client_key or "",
            server_name=tls.server_name or "",
            digest=_digest(tls.ca, tls.client_cert, tls.client_key),
        ),
    )


def _digest(*files: str | None) -> str:
    """Return the SHA-256 of what *files* hold, empty where none is named. Raises OSError."""
    held = [sha256(Path(file).read_bytes()).digest() for file in files if file]
    return sha256(b"".join(held)).hexdigest() if held else ""


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


def _health(health: HealthSettings | None) -> Health | None:
    if health is None:
        return None
    return Health(path=health.path, interval=health.interval, timeout=health.timeout)


def _member(text: str) -> Member:
    if text.startswith(UNIX):
        return Member(socket=text.removeprefix(UNIX))
    where = url(text)
    return Member(tls=where.tls, host=where.host, port=where.port)


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


def cookie_names(settings: Settings) -> CookieNames:
    """Return the names of our cookies for the configured public URL."""
    cookie = settings.session.cookie
    return CookieNames(
        base=cookie.name,
        secure=url(settings.public_url).tls,
        domain=cookie.domain,
        hostname=url(settings.public_url).host,
        same_site=cookie.same_site.capitalize(),
    )


def session_policy(settings: Settings) -> Policy:
    """Return how long sessions live, and what they are for."""
    session = settings.session
    idle = session.idle_timeout
    return Policy(
        lease=int(session.lease),
        max_age=int(session.max_age),
        idle_timeout=None if idle is None else int(idle),
        strict=session.revocation == "strict",
        audience=f"{settings.public_url} {cookie_names(settings).session}",
    )


def redis_account(settings: Settings) -> RedisAccount:
    """Return where the configured Redis is, and as whom it is asked."""
    redis = settings.redis
    address = redis_address(redis.url)
    tls = redis.tls
    trust = (
        RedisTls(
            ca=tls.ca,
            client_cert=tls.client_cert,
            client_key=tls.client_key,
            digest=_digest(tls.ca, tls.client_cert, tls.client_key),
        )
        if address.tls
        else None
    )
    return RedisAccount(
        kind=address.kind,
        places=tuple(Place(host.host, host.port) for host in address.hosts),
        master=address.master,
        login=RedisLogin(
            number=address.number,
            tls=trust,
            username=redis.username,
            password=redis.password.get_secret_value() if redis.password else None,
        ),
        sentinel_login=RedisLogin(
            tls=trust,
            username=redis.sentinel_username,
            password=redis.sentinel_password.get_secret_value() if redis.sentinel_password else None,
        ),
    )


def role_rules(settings: Settings) -> frozenset[tuple[str, EarnedRole]]:
    """Return the rules of `[[roles]]`: whose word grants which role."""
    return frozenset((each.provider, _grant(each).earned) for each in settings.roles)


def _grant(each: RoleGrantSettings) -> RoleGrant:
    return RoleGrant(role=each.role, claim=each.claim, value=each.value)


def resources_wanted(settings: Settings) -> tuple[str, ...]:
    """Return the resources for which access tokens will be asked at issuers, in the order of upstreams."""
    wanted = (each.resource for each in settings.upstreams.values() if each.exchange_audience is None)
    return tuple(dict.fromkeys(filter(None, wanted)))


def groups_named(settings: Settings) -> tuple[str, ...]:
    """Return the groups that the rules of routes name, each once."""
    rules = [rule for route in settings.routes for rule in (route, route.deny)]
    return tuple(dict.fromkeys(group for rule in rules for group in rule.groups))


def registration(
    provider: ProviderSettings,
    *,
    grants: Sequence[RoleGrantSettings] = (),
    resources: Sequence[str] = (),
    groups: Sequence[str] = (),
) -> Registration:
    """Return our registration at one issuer, which the checks of the configuration found whole.

    Of *grants* it has those for what this issuer says; sessions carry *groups* whatever else.
    Raises SettingsInvalid for a key that is none.
    """
    preset = PRESETS[provider.preset] if provider.preset else None
    made = Registration(
        id=provider.id,
        name=provider.name,
        issuer=provider.issuer or _origin(provider.authorization_endpoint),
        client_id=provider.client_id or "",
        client_secret=provider.client_secret.get_secret_value() if provider.client_secret else None,
        client_auth=provider.client_auth,
        scopes=tuple(provider.scopes),
        trust_email=provider.trust_email,
        authorization_params=tuple(provider.authorization_params.items()),
        claims=_claim_names(provider.claims),
        signed_claims=signed_claims(provider),
        algorithms=tuple(provider.id_token_algorithms),
        resources=tuple(resources),
        claim_issuers=tuple(provider.claim_issuers),
        trusted_audiences=tuple(provider.trusted_audiences),
        groups_kept=(*groups, *provider.keep_groups),
        roles=tuple(_grant(each) for each in grants if each.provider == provider.id),
        keys=client_keys(provider.keys, place=f"providers.{provider.id}"),
        response_mode=provider.response_mode,
        pushed_requests=provider.pushed_requests,
        signs_requests=provider.signed_requests,
        dpop=provider.dpop,
        tls=client_tls(provider.tls, place=f"providers.{provider.id}"),
        encrypted_id_tokens=provider.encrypted_id_tokens,
        userinfo_format=provider.userinfo_format,
        content_encryption=tuple(provider.content_encryption),
        oauth=_endpoints(provider),
        steps=preset.steps if preset else "",
        organizations=provider.organizations or (),
        tenants=provider.tenants or (),
        team=provider.team or "",
        assertion_audience=assertion_audience(provider),
        logout_hint=preset.logout_hint if preset else True,
        revokes=preset.revokes if preset else True,
    )
    return hardened(made) if provider.profile == "fapi2" else made


def _origin(address: str | None) -> str:
    return url(address).origin if address else ""


def _endpoints(provider: ProviderSettings) -> OAuthEndpoints | None:
    if provider.type != "oauth2":
        return None
    return OAuthEndpoints(
        authorization=provider.authorization_endpoint or "",
        token=provider.token_endpoint or "",
        userinfo=provider.userinfo_endpoint or "",
        email_verified=provider.email_verified_claim,
    )


def client_tls(tls: ProviderTlsSettings, *, place: str) -> ClientTls | None:
    """Return how we talk TLS to an issuer, None for what is usual; the files are looked at now.

    *place* is the key of the table around it, for SettingsInvalid.
    """
    paths = [path for path in (tls.ca, tls.client_cert, tls.client_key) if path is not None]
    if not paths:
        return None
    try:
        contents = sha256(b"".join(Path(path).read_bytes() for path in paths)).digest()
        made = ClientTls(
            ca=tls.ca or "", certificate=tls.client_cert or "", key=tls.client_key or "", contents=contents
        )
        made.context()
    except OSError as error:
        fault = Fault(key=f"{place}.tls", message=f"cannot be used: {error.strerror or error}")
        raise SettingsInvalid([fault]) from None
    return made


def client_keys(keys: Sequence[ClientKeySettings], *, place: str) -> tuple[ClientKey, ...]:
    """Return our keys at an issuer. *place* is the key of the table around them, for SettingsInvalid."""
    made, faults = [], []
    for index, each in enumerate(keys):
        try:
            made.append(
                ClientKey(
                    pem=each.key.get_secret_value(),
                    use=each.use,
                    algorithm=each.alg or "",
                    kid=each.kid or "",
                )
            )
        except ClientKeyRefused as error:
            faults.append(Fault(key=f"{place}.keys[{index}].key", message=str(error)))
    if faults:
        raise SettingsInvalid(faults)
    return tuple(made)


def _claim_names(claims: Mapping[str, str]) -> ClaimNames:
    return ClaimNames(
        subject=claims["id"],
        email=claims["email"],
        name=claims["name"],
        image=claims["image"],
        groups=claims["groups"],
        keep=tuple((name, claim) for name, claim in claims.items() if name not in STANDARD_CLAIMS),
    )


def hosts_served(settings: Settings, table: Table) -> Callable[[str], bool]:
    """Return the predicate over canonical hosts: that of `public_url`, and those that routes name."""
    public = url(settings.public_url).origin.partition("://")[2]
    return lambda host: host == public or table.governs(without_port(host))

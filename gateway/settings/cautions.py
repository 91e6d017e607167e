"""What may stand, and its author should still know: told at start, never in the way."""

from collections.abc import Iterator, Mapping
from ipaddress import IPv4Network, IPv6Network

from gateway.settings.addresses import UNIX, Network, everybody_is_among, socket_path, url
from gateway.settings.bearer_cautions import bearer_cautions
from gateway.settings.database_url import verifies_its_server
from gateway.settings.possession_checks import possession_cautions
from gateway.settings.redis import redis_cautions
from gateway.settings.redis_url import redis_address
from gateway.settings.routes import PERSONAL, RouteSettings, RuleSettings
from gateway.settings.schema import SessionSettings, Settings

_WORDS = ("roles", "groups", "emails", "email_domains", "users")


def cautions(settings: Settings, secrets: Mapping[str, str]) -> Iterator[str]:
    """Yield one sentence for each; *secrets* tells where each secret comes from."""
    for key, source in secrets.items():
        if source in ("literal", "flag"):
            yield f'{key} is a literal; {{ env = "NAME" }} or {{ file = "path" }} keeps it out of here'
    if not url(settings.public_url).tls:
        yield "public_url is http: cookies go without __Host- and Secure, which is for trying only"
    yield from _of_peers(settings)
    yield from _without_effect(settings)
    yield from redis_cautions(settings.redis)
    yield from _unused(settings)
    yield from _in_the_open(settings)
    if not verifies_its_server(settings.database.url):
        yield "database.url has no sslmode=verify-full: who is on the way there may read and answer instead"
    idle = settings.session.idle_timeout
    if idle is not None and idle >= settings.session.max_age:
        yield "session.idle_timeout is not shorter than max_age, so it never ends a session"
    yield from _names_by_email("identity", settings.identity.headers)
    for name, upstream in settings.upstreams.items():
        if upstream.identity is not None and upstream.identity.headers is not None:
            yield from _names_by_email(f"upstreams.{name}.identity", upstream.identity.headers)
    yield from _of_routes(settings)
    yield from possession_cautions(settings)


def _of_peers(settings: Settings) -> Iterator[str]:
    if everybody_is_among(settings.trusted_proxies):
        yield "trusted_proxies holds every address: any client can then say who and where it is"
    if socket_path(settings.listen) and UNIX not in settings.trusted_proxies:
        yield (
            'listen is a Unix socket, and "unix:" is not in trusted_proxies: nobody\'s address is known, so '
            "networks let nobody pass and limits count everybody as one"
        )


def _of_routes(settings: Settings) -> Iterator[str]:
    for index, route in enumerate(settings.routes):
        for key in _never(route):
            yield f"routes[{index}].{key} can never let anybody pass"
        if route.access == "optional" and any(getattr(route, key) for key in PERSONAL):
            yield f'routes[{index}] is "optional": strangers pass, whoever is signed in must meet its rules'
        yield from bearer_cautions(index, route)
        if route.identity is not None and route.identity.headers is not None:
            yield from _names_by_email(f"routes[{index}].identity", route.identity.headers)


def _in_the_open(settings: Settings) -> Iterator[str]:
    """Yield what can be read on the way to a Redis that is elsewhere and spoken to without TLS."""
    if redis_address(settings.redis.url).is_near:
        return
    if _sessions_in_redis(settings):
        yield "redis.url is without TLS: who reads the network there reads the password and the records"
    elif settings.counts_in_redis:
        yield "redis.url is without TLS: who reads the network there reads the password"


def _unused(settings: Settings) -> Iterator[str]:
    """Yield the tables that nothing leads to."""
    called = {route.upstream for route in settings.routes}
    for name in settings.upstreams:
        if name not in called:
            yield f"upstreams.{name} has no effect: no route leads to it"
    if settings.redis.model_fields_set and not (_sessions_in_redis(settings) or settings.counts_in_redis):
        yield "[redis] has no effect: neither sessions nor rate limits are kept there"


def _sessions_in_redis(settings: Settings) -> bool:
    return settings.session.strategy == "stateful" and settings.session.store == "redis"


_OF_STRATEGY = {"stateless": ("lease", "revocation"), "stateful": ("store", "cache")}
_USUAL = SessionSettings()


def _without_effect(settings: Settings) -> Iterator[str]:
    """Yield what is set to something unusual for the strategy that is not chosen."""
    session = settings.session
    for strategy, keys in _OF_STRATEGY.items():
        for key in keys if strategy != session.strategy else ():
            if getattr(session, key) != getattr(_USUAL, key):
                yield f'session.{key} has no effect with strategy = "{session.strategy}"'


def _names_by_email(place: str, headers: Mapping[str, str]) -> Iterator[str]:
    """Yield the headers that make an e-mail somebody's name in an app: it is sent unverified too."""
    for header, field in headers.items():
        if field == "email" and header.lower() != "x-user-email":
            yield (
                f'{place}.headers.{header} = "email": an app that takes it for a user name trusts every '
                'issuer to verify e-mails; "id" needs no such trust'
            )


def _never(route: RouteSettings) -> Iterator[str]:
    """Yield the rules of *route* that its other rules leave nothing of."""
    for key in _WORDS:
        allowed = getattr(route, key)
        if allowed and set(allowed) <= set(getattr(route.deny, key)):
            yield key
    if route.emails and route.email_domains and not _domains(route) & set(route.email_domains):
        yield "emails"
    if route.networks and all(_inside(network, route.deny) for network in route.networks):
        yield "networks"


def _domains(rules: RuleSettings) -> set[str]:
    return {email.rpartition("@")[2] for email in rules.emails}


def _inside(network: Network, deny: RuleSettings) -> bool:
    for other in deny.networks:
        if isinstance(network, IPv4Network) and isinstance(other, IPv4Network) and network.subnet_of(other):
            return True
        if isinstance(network, IPv6Network) and isinstance(other, IPv6Network) and network.subnet_of(other):
            return True
    return False

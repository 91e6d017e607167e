"""From what is written of sessions to how they are named, how long they live, and where they are kept."""

from gateway.assembly.contents import digest
from gateway.model.cookies import CookieNames
from gateway.sessions.strategy import Policy
from gateway.settings.addresses import url
from gateway.settings.redis_url import redis_address
from gateway.settings.schema import Settings
from gateway.store.redis_account import RedisAccount
from gateway.store.redis_server import Place, RedisLogin
from gateway.store.redis_tls import RedisTls


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
            digest=digest(tls.ca, tls.client_cert, tls.client_key),
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

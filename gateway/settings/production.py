"""What may stand while trying the gateway out, and not in front of real people."""

from collections.abc import Iterator
from itertools import chain

from gateway.errors import Fault
from gateway.settings.addresses import everybody_is_among, listen_address, socket_path, url
from gateway.settings.loader import Loaded

_FEWEST = 12
"""Different bytes that a secret must hold: typed-in padding has fewer, random text has more."""


def production_faults(loaded: Loaded) -> tuple[Fault, ...]:
    """Return what forbids running *loaded* in production; empty where nothing does."""
    found = chain(*(check(loaded) for check in (_literals, _plain_http, _plain_bearers, _weak, _proxies)))
    return tuple(loaded.fault(*each) for each in found)


def _literals(loaded: Loaded) -> Iterator[tuple[str, str, str]]:
    for key, source in loaded.secrets.items():
        if source in ("literal", "flag"):
            yield (
                key,
                "is a literal secret",
                'write { env = "NAME" }, { file = "path" } or { credential = "name" }',
            )


def _plain_http(loaded: Loaded) -> Iterator[tuple[str, str, str]]:
    settings = loaded.settings
    if not url(settings.public_url).tls:
        yield "public_url", "is http", "write https://…; TLS may end at a proxy in front"
    plain = settings.tls is None and not settings.trusted_proxies and not socket_path(settings.listen)
    if plain and listen_address(settings.listen).beyond_loopback:
        yield (
            "listen",
            "listens without TLS beyond loopback, and no trusted proxy is named that would end TLS",
            "listen on 127.0.0.1, name the proxy in trusted_proxies, or write tls = { cert, key }",
        )
    for index, provider in enumerate(settings.providers):
        if provider.issuer is not None and not url(provider.issuer).tls:
            yield f"providers[{index}].issuer", "is http", "write https://…"
        for key in ("authorization_endpoint", "token_endpoint", "userinfo_endpoint"):
            endpoint = getattr(provider, key)
            if endpoint is not None and not url(endpoint).tls:
                yield f"providers[{index}].{key}", "is http", "write https://…"


def _plain_bearers(loaded: Loaded) -> Iterator[tuple[str, str, str]]:
    for index, route in enumerate(loaded.settings.routes):
        for number, bearer in enumerate(route.bearer):
            place = f"routes[{index}].bearer[{number}]"
            if not url(bearer.issuer).tls:
                yield f"{place}.issuer", "is http", "write https://…"
            endpoint = bearer.introspection.endpoint if bearer.introspection else None
            if endpoint is not None and not url(endpoint).tls:
                yield f"{place}.introspection.endpoint", "is http", "write https://…"


def _weak(loaded: Loaded) -> Iterator[tuple[str, str, str]]:
    for index, secret in enumerate(loaded.settings.secret):
        if len(set(secret)) < _FEWEST:
            key = f"secret[{index}]" if f"secret[{index}]" in loaded.origins else "secret"
            yield key, "is long enough, but repeats few bytes", "head -c 48 /dev/urandom | base64"


def _proxies(loaded: Loaded) -> Iterator[tuple[str, str, str]]:
    if everybody_is_among(loaded.settings.trusted_proxies):
        yield "trusted_proxies", "believes every address", "name the networks of your own proxies"

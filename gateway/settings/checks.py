"""Contradictions across keys: each check reads sound settings and yields what cannot stand together.

A finding names every key it rests on, so that a key broken by itself is told once, and a conclusion
drawn from it not at all.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from gateway.settings.addresses import url, within
from gateway.settings.client_checks import client_faults
from gateway.settings.listen_checks import LISTEN_CHECKS
from gateway.settings.notation import KeyPath, nearest, toml
from gateway.settings.oauth_checks import oauth_faults
from gateway.settings.possession_checks import possession_faults
from gateway.settings.preset_checks import preset_faults
from gateway.settings.preset_demands import demand_faults
from gateway.settings.profile_checks import profile_faults
from gateway.settings.providers import ProviderSettings
from gateway.settings.redis import redis_findings
from gateway.settings.refusal import Finding
from gateway.settings.response_checks import response_faults
from gateway.settings.route_checks import ROUTE_CHECKS
from gateway.settings.rule_checks import rule_faults
from gateway.settings.schema import Settings
from gateway.settings.tenant_checks import shared_address_faults
from gateway.settings.tls_checks import TLS_CHECKS
from gateway.settings.upstream_checks import UPSTREAM_CHECKS

_OURS = {
    *("response_type", "response_mode", "client_id", "client_secret", "client_assertion"),
    *("client_assertion_type", "redirect_uri", "scope", "state", "nonce", "code_challenge"),
    *("code_challenge_method", "request", "request_uri", "uri"),
}
_REQUIRED = {
    "oidc": ("issuer", "client_id"),
    "oauth2": ("authorization_endpoint", "token_endpoint", "userinfo_endpoint", "client_id"),
    "password": (),
}
_HMAC = {"HS256": 32, "HS384": 48, "HS512": 64}  # least bytes of the key (RFC 7518 3.2)


def contradictions(settings: Settings) -> Iterator[Finding]:
    """Yield every contradiction in *settings*; a configuration with none can be run."""
    for check in CHECKS:
        yield from check(settings)


def _cookie(settings: Settings) -> Iterator[Finding]:
    cookie, public = settings.session.cookie, url(settings.public_url)
    if cookie.same_site == "none" and not public.tls:
        yield Finding(
            path=("session", "cookie", "same_site"),
            message='"none" needs https: browsers keep such a cookie only with Secure',
            suggestion='write "lax", or an https public_url',
            because=(("public_url",),),
        )
    if cookie.domain and not within(public.host, cookie.domain):
        yield Finding(
            path=("session", "cookie", "domain"),
            message=f"does not cover {public.host} of public_url, so no browser would keep the cookie",
            suggestion=f'"{public.host}" or a domain above it, or leave it out',
            because=(("public_url",),),
        )


def _session(settings: Settings) -> Iterator[Finding]:
    session = settings.session
    if session.strategy == "stateful":
        return
    if session.lease > session.max_age:
        yield Finding(
            path=("session", "lease"),
            message="is longer than max_age, so it would never be renewed",
            suggestion="make it much shorter than max_age",
            because=(("session", "max_age"),),
        )
    if session.idle_timeout is not None and session.idle_timeout < session.lease:
        yield Finding(
            path=("session", "idle_timeout"),
            message="is shorter than lease, and idleness is seen only at the lease's end",
            suggestion="shorten lease, or lengthen idle_timeout",
            because=(("session", "lease"),),
        )


def _redis(settings: Settings) -> Iterator[Finding]:
    return redis_findings(settings.redis)


def _providers(settings: Settings) -> Iterator[Finding]:
    seen: dict[str, int] = {}
    for index, provider in enumerate(settings.providers):
        path = ("providers", index)
        first = seen.setdefault(provider.id, index)
        if first != index:
            yield Finding(
                path=(*path, "id"),
                message=f'"{provider.id}" is already the id of providers[{first}]',
                suggestion="accounts are keyed by it: give each provider its own",
                because=(("providers", first, "id"),),
            )
        yield from _keys_of_type(path, provider)
        if provider.type == "oidc":
            yield from _registration(path, provider)
            yield from _algorithms(path, provider)
            yield from _login(path, provider)
            yield from _claims(path, provider)
            yield from client_faults(path, provider)
            yield from preset_faults(path, provider)
            yield from demand_faults(path, provider)
            yield from profile_faults(path, provider)
            yield from shared_address_faults(path, provider)
        elif provider.type == "oauth2":
            yield from _registration(path, provider)
            yield from _binding(path, provider)
            yield from client_faults(path, provider)
            yield from oauth_faults(path, provider)
            yield from preset_faults(path, provider)
    yield from _one_for_passwords(settings)


def _keys_of_type(path: tuple[str, int], provider: ProviderSettings) -> Iterator[Finding]:
    """Yield the keys that this type of provider lacks, and those that it cannot obey."""
    because = ((*path, "type"), (*path, "preset"))
    for name in _REQUIRED[provider.type]:
        # What an issuer is made of by a preset is told instead, by the parameter's name.
        if getattr(provider, name) is None and not (name == "issuer" and provider.preset):
            field = ProviderSettings.model_fields[name]
            example = f"for example {name} = {toml(next(iter(field.examples or ())))}"
            yield Finding(
                path=(*path, name), message="is required, and not set", suggestion=example, because=because
            )
    for name in sorted(provider.idle_keys() & provider.model_fields_set):
        yield Finding(
            path=(*path, name),
            message=f'means nothing with type = "{provider.type}"',
            suggestion="leave it out",
            because=because,
        )


def _one_for_passwords(settings: Settings) -> Iterator[Finding]:
    """A user has one password, so two providers would be one under two names."""
    found = [index for index, each in enumerate(settings.providers) if each.type == "password"]
    for index in found[1:]:
        yield Finding(
            path=("providers", index, "type"),
            message=f"providers[{found[0]}] is for passwords already",
            suggestion="one is enough: leave this one out",
            because=(("providers", found[0], "type"),),
        )


def _registration(path: tuple[str, int], provider: ProviderSettings) -> Iterator[Finding]:
    """Yield where the client secret and what needs it do not agree."""
    secret = provider.client_secret.get_secret_value() if provider.client_secret is not None else ""
    least = max((_HMAC.get(name, 0) for name in provider.id_token_algorithms), default=0)
    by_secret = provider.client_auth.startswith("client_secret_")
    finding = partial(
        Finding,
        path=(*path, "client_secret"),
        because=tuple((*path, key) for key in ("type", "client_auth", "id_token_algorithms")),
    )
    if by_secret and not secret:
        yield finding(
            message=f'is needed for client_auth = "{provider.client_auth}"',
            suggestion='write client_secret = { env = "NAME" }, or client_auth = "none" for a public client',
        )
    elif not by_secret and secret and not least:
        yield finding(
            message=f'is never used with client_auth = "{provider.client_auth}"',
            suggestion="leave one of the two out",
        )
    elif len(secret.encode()) < least:
        yield finding(message=f"must be at least {least} bytes to authenticate ID tokens (RFC 7518 3.2)")


def _algorithms(path: tuple[str, int], provider: ProviderSettings) -> Iterator[Finding]:
    symmetric = [name in _HMAC for name in provider.id_token_algorithms]
    if not symmetric or any(symmetric) is not all(symmetric):
        yield Finding(
            path=(*path, "id_token_algorithms"),
            message="must be asymmetric algorithms, or HMAC alone",
            suggestion="mixed, a public key could be taken for a secret; leave it out for the usual list",
        )


def _login(path: tuple[str, int], provider: ProviderSettings) -> Iterator[Finding]:
    if "openid" not in provider.scopes or len(set(provider.scopes)) != len(provider.scopes):
        yield Finding(
            path=(*path, "scopes"),
            message='must name "openid", and each scope once (OpenID Connect Core 3.1.2.1)',
            suggestion='for example ["openid", "email", "profile"]',
        )
    yield from _binding(path, provider)
    max_age = provider.authorization_params.get("max_age", "0")
    if not (max_age.isascii() and max_age.isdecimal()):
        yield Finding(
            path=(*path, "authorization_params", "max_age"), message="must be whole seconds, as a string"
        )


def _binding(path: tuple[str, int], provider: ProviderSettings) -> Iterator[Finding]:
    for name in sorted(_OURS & set(provider.authorization_params)):
        yield Finding(
            path=(*path, "authorization_params", name),
            message="is set by the gateway for each login and binds it to one browser",
            suggestion="leave it out",
        )


def _claims(path: tuple[str, int], provider: ProviderSettings) -> Iterator[Finding]:
    if provider.claims["id"] != "sub":
        yield Finding(
            path=(*path, "claims", "id"),
            message='must stay "sub": no other claim is unique and never given to somebody else '
            "(OpenID Connect Core 5.7)",
        )


def _roles(settings: Settings) -> Iterator[Finding]:
    seen: dict[object, int] = {}
    for index, grant in enumerate(settings.roles):
        path = ("roles", index)
        yield from _granted_by(grant.provider, settings.providers, (*path, "provider"))
        first = seen.setdefault(grant, index)
        if first != index:
            yield Finding(path=path, message=f"says the same as roles[{first}]", because=(("roles", first),))


def _granted_by(name: str, providers: Sequence[ProviderSettings], path: KeyPath) -> Iterator[Finding]:
    """A provider of passwords knows no claims, so what it granted would be nothing."""
    known = [provider.id for provider in providers if provider.type != "password"]
    if name in known:
        return
    close = nearest(name, known)
    yield Finding(
        path=path,
        message="takes passwords, which grant no role" if _is_among(name, providers) else "is no provider",
        suggestion=f'did you mean "{close}"?' if close else f"known: {', '.join(known) or 'none'}",
        because=(("providers",),),
    )


def _is_among(name: str, providers: Sequence[ProviderSettings]) -> bool:
    return any(provider.id == name for provider in providers)


Check = Callable[[Settings], Iterator[Finding]]
CHECKS: tuple[Check, ...] = (
    *LISTEN_CHECKS,
    _cookie,
    _session,
    _redis,
    _providers,
    response_faults,
    possession_faults,
    _roles,
    *ROUTE_CHECKS,
    rule_faults,
    *TLS_CHECKS,
    *UPSTREAM_CHECKS,
)

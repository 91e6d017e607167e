"""What single providers demand of the keys beside their preset, told before they would refuse a login."""

from collections.abc import Callable, Iterator, Mapping

from gateway.settings.known_presets import PRESETS
from gateway.settings.providers import ProviderSettings
from gateway.settings.refusal import Finding
from gateway.settings.tenant_checks import tenant_faults

Path = tuple[str, int]

_ASKING = frozenset({"name", "email"})


def demand_faults(path: Path, provider: ProviderSettings) -> Iterator[Finding]:
    """Yield what *provider*, at *path*, lacks of what its preset demands."""
    if provider.preset is None:
        return
    for name, why in PRESETS[provider.preset].demands.items():
        if not getattr(provider, name):
            yield Finding(
                path=(*path, name),
                message=f'is needed with preset = "{provider.preset}": {why}',
                because=((*path, "preset"),),
            )
    check = _CHECKS.get(provider.preset)
    if check is not None:
        yield from check(path, provider)


def _apple(path: Path, provider: ProviderSettings) -> Iterator[Finding]:
    because = ((*path, "preset"), (*path, "scopes"))
    if provider.client_auth != "signed_client_secret":
        yield Finding(
            path=(*path, "client_auth"),
            message="must be signed_client_secret: Apple takes no secret but a JWT of its key",
            suggestion="leave it out",
            because=because[:1],
        )
    if _ASKING & set(provider.scopes) and provider.response_mode != "form_post":
        yield Finding(
            path=(*path, "response_mode"),
            message="must be form_post: Apple answers in no other way where name or email is asked for",
            suggestion='leave it out, or write scopes = ["openid"]',
            because=because,
        )
    for index, key in enumerate(provider.keys):
        if key.kid is None:
            yield Finding(
                path=(*path, "keys", index, "kid"),
                message="is needed: Apple knows its key by the id that it gave it",
                suggestion="the ten characters in the name of the file, AuthKey_….p8",
                because=because[:1],
            )


def _login_gov(path: Path, provider: ProviderSettings) -> Iterator[Finding]:
    because = ((*path, "preset"),)
    if not provider.authorization_params.get("acr_values"):
        yield Finding(
            path=(*path, "authorization_params"),
            message="must have acr_values: login.gov begins no login without",
            suggestion='leave it out, or write acr_values = "urn:acr.login.gov:auth-only" into it',
            because=because,
        )
    for index, key in enumerate(provider.keys):
        if key.use == "sig" and key.alg != "RS256":
            yield Finding(
                path=(*path, "keys", index, "alg"),
                message="must be RS256, which is all that login.gov takes",
                suggestion='write alg = "RS256", with an RSA key of at least 2048 bits',
                because=because,
            )


_CHECKS: Mapping[str, Callable[[Path, ProviderSettings], Iterator[Finding]]] = {
    "apple": _apple,
    "login.gov": _login_gov,
    "entra-multitenant": tenant_faults,
}

"""Contradictions between `profile` and the other keys of a provider."""

from collections.abc import Iterator

from gateway.settings.providers import ProviderSettings
from gateway.settings.refusal import Finding

Path = tuple[str, int]

_STRONG = ("private_key_jwt", "tls_client_auth", "self_signed_tls_client_auth")
_ALGORITHMS = ("PS256", "ES256", "EdDSA", "Ed25519")


def profile_faults(path: Path, provider: ProviderSettings) -> Iterator[Finding]:
    """Yield what *provider*, an issuer at *path*, says against its own profile."""
    if provider.profile is None:
        return
    because = ((*path, "profile"),)
    if provider.client_auth not in _STRONG:
        yield Finding(
            path=(*path, "client_auth"),
            message='is too weak for profile = "fapi2"',
            suggestion='write "private_key_jwt", "tls_client_auth" or "self_signed_tls_client_auth"',
            because=because,
        )
    if "pushed_requests" in provider.model_fields_set and provider.pushed_requests != "always":
        yield Finding(
            path=(*path, "pushed_requests"),
            message='contradicts profile = "fapi2", which always pushes them',
            suggestion="leave it out",
            because=because,
        )
    if "dpop" in provider.model_fields_set and not provider.dpop and provider.tls.client_cert is None:
        yield Finding(
            path=(*path, "dpop"),
            message='contradicts profile = "fapi2": nothing else binds tokens to us',
            suggestion="leave it out, or write tls.client_cert",
            because=because,
        )
    yield from _algorithms(path, provider)


def _algorithms(path: Path, provider: ProviderSettings) -> Iterator[Finding]:
    weak = [name for name in provider.id_token_algorithms if name not in _ALGORITHMS]
    if "id_token_algorithms" in provider.model_fields_set and weak:
        yield Finding(
            path=(*path, "id_token_algorithms"),
            message=f'names {weak[0]}, which is none of profile = "fapi2"',
            suggestion="leave it out, or name PS256, ES256, EdDSA",
            because=((*path, "profile"),),
        )

"""Contradictions in how a provider of OAuth 2.0, which has no ID tokens, is described."""

from collections.abc import Iterator

from gateway.settings.providers import ProviderSettings
from gateway.settings.refusal import Finding

Path = tuple[str, int]


def oauth_faults(path: Path, provider: ProviderSettings) -> Iterator[Finding]:
    """Yield what *provider*, of `type = "oauth2"` at *path*, lacks or cannot obey."""
    because = ((*path, "type"),)
    if "scopes" not in provider.model_fields_set:
        yield Finding(
            path=(*path, "scopes"),
            message='is required with type = "oauth2", and not set',
            suggestion='what lets an app read who signed in, for example scopes = ["user:email"]',
            because=because,
        )
    elif "openid" in provider.scopes or len(set(provider.scopes)) != len(provider.scopes):
        yield Finding(
            path=(*path, "scopes"),
            message='must name each scope once, and not "openid", which asks for an ID token',
            suggestion='write type = "oidc" for an issuer that has them',
            because=because,
        )
    if provider.client_auth.endswith("_jwt"):
        yield Finding(
            path=(*path, "client_auth"),
            message=f'"{provider.client_auth}" is addressed to an issuer, which this provider is not',
            suggestion='write "client_secret_basic" or "client_secret_post"',
            because=because,
        )

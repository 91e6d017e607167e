"""Contradictions in how one provider's issuer is proven to who we are."""

from collections.abc import Iterator

from gateway.settings.providers import ProviderSettings
from gateway.settings.refusal import Finding

Path = tuple[str, int]
_HMAC_KEY = 32  # bytes that a key for HS256 has at least (RFC 7518 3.2)


def client_faults(path: Path, provider: ProviderSettings) -> Iterator[Finding]:
    """Yield what *provider*, an issuer at *path*, cannot be told at once."""
    yield from _keys(path, provider)
    yield from _secret(path, provider)


def _keys(path: Path, provider: ProviderSettings) -> Iterator[Finding]:
    because = ((*path, "client_auth"), (*path, "signed_requests"))
    for wanted, what in (
        (provider.client_auth == "private_key_jwt", 'client_auth = "private_key_jwt"'),
        (provider.signed_requests, "signed_requests"),
    ):
        if wanted and not provider.keys:
            yield Finding(
                path=(*path, "keys"),
                message=f"is needed for {what}",
                suggestion='write keys = [{ key = { file = "keys/company.pem" } }]',
                because=because,
            )
    if provider.client_auth != "private_key_jwt" and not provider.signed_requests and provider.keys:
        yield Finding(
            path=(*path, "keys"),
            message=f'sign nothing with client_auth = "{provider.client_auth}"',
            suggestion='leave them out, or write client_auth = "private_key_jwt"',
            because=because,
        )
    kids = [key.kid for key in provider.keys if key.kid is not None]
    if len(set(kids)) != len(kids):
        yield Finding(path=(*path, "keys"), message="have one kid twice", suggestion="give each its own")


def _secret(path: Path, provider: ProviderSettings) -> Iterator[Finding]:
    secret = provider.client_secret.get_secret_value() if provider.client_secret is not None else ""
    if provider.client_auth == "client_secret_jwt" and 0 < len(secret.encode()) < _HMAC_KEY:
        yield Finding(
            path=(*path, "client_secret"),
            message=f"must be at least {_HMAC_KEY} bytes to be a key for HS256 (RFC 7518 3.2)",
            because=((*path, "client_auth"),),
        )

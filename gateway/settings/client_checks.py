"""Contradictions in how one provider's issuer is proven to who we are."""

from collections.abc import Iterator

from gateway.settings.providers import ProviderSettings
from gateway.settings.refusal import Finding

Path = tuple[str, int]
_BY_CERTIFICATE = ("tls_client_auth", "self_signed_tls_client_auth")
_BY_KEY = ("private_key_jwt", "signed_client_secret")
_HMAC_KEY = 32  # bytes that a key for HS256 has at least (RFC 7518 3.2)


def client_faults(path: Path, provider: ProviderSettings) -> Iterator[Finding]:
    """Yield what *provider*, an issuer at *path*, cannot be told at once."""
    yield from _signing(path, provider)
    yield from _opening(path, provider)
    yield from _certificate(path, provider)
    yield from _secret(path, provider)
    yield from _signed_secret(path, provider)
    yield from _audiences(path, provider)


def _signing(path: Path, provider: ProviderSettings) -> Iterator[Finding]:
    because = ((*path, "client_auth"), (*path, "signed_requests"))
    signing = [key for key in provider.keys if key.use == "sig"]
    reasons = {
        f'client_auth = "{provider.client_auth}"': provider.client_auth in _BY_KEY,
        "signed_requests": provider.signed_requests,
    }
    for what in (what for what, wanted in reasons.items() if wanted and not signing):
        yield Finding(
            path=(*path, "keys"),
            message=f"is needed for {what}",
            suggestion='write keys = [{ key = { file = "keys/company.pem" } }]',
            because=because,
        )
    if signing and not any(reasons.values()):
        yield Finding(
            path=(*path, "keys"),
            message=f'sign nothing with client_auth = "{provider.client_auth}"',
            suggestion='leave them out, or write client_auth = "private_key_jwt"',
            because=because,
        )
    kids = [key.kid for key in provider.keys if key.kid is not None]
    if len(set(kids)) != len(kids):
        yield Finding(path=(*path, "keys"), message="have one kid twice", suggestion="give each its own")


def _opening(path: Path, provider: ProviderSettings) -> Iterator[Finding]:
    wanted = provider.encrypted_id_tokens or provider.userinfo_format == "encrypted"
    opening = any(key.use == "enc" for key in provider.keys)
    because = ((*path, "encrypted_id_tokens"), (*path, "userinfo_format"))
    if wanted and not opening:
        yield Finding(
            path=(*path, "keys"),
            message='need one with use = "enc" to open what is encrypted',
            suggestion='write keys = [{ key = { file = "keys/opens.pem" }, use = "enc" }]',
            because=because,
        )
    if opening and not wanted:
        yield Finding(
            path=(*path, "keys"),
            message="open nothing: the issuer is not told to encrypt",
            suggestion='write encrypted_id_tokens = true or userinfo_format = "encrypted"',
            because=because,
        )
    if not provider.content_encryption:
        yield Finding(path=(*path, "content_encryption"), message="is empty: nothing could be opened")


def _certificate(path: Path, provider: ProviderSettings) -> Iterator[Finding]:
    because = ((*path, "client_auth"),)
    if provider.client_auth in _BY_CERTIFICATE and provider.tls.client_cert is None:
        yield Finding(
            path=(*path, "tls", "client_cert"),
            message=f'is needed for client_auth = "{provider.client_auth}"',
            suggestion='write tls = { client_cert = "certs/gateway.pem", client_key = "certs/gateway.key" }',
            because=because,
        )
    if provider.tls.client_key is not None and provider.tls.client_cert is None:
        yield Finding(
            path=(*path, "tls", "client_key"),
            message="is of no use without a certificate",
            suggestion="write client_cert too",
        )


def _secret(path: Path, provider: ProviderSettings) -> Iterator[Finding]:
    secret = provider.client_secret.get_secret_value() if provider.client_secret is not None else ""
    if provider.client_auth == "client_secret_jwt" and 0 < len(secret.encode()) < _HMAC_KEY:
        yield Finding(
            path=(*path, "client_secret"),
            message=f"must be at least {_HMAC_KEY} bytes to be a key for HS256 (RFC 7518 3.2)",
            because=((*path, "client_auth"),),
        )


def _signed_secret(path: Path, provider: ProviderSettings) -> Iterator[Finding]:
    if provider.client_auth == "signed_client_secret" and provider.preset != "apple":
        yield Finding(
            path=(*path, "client_auth"),
            message="is known to Apple alone",
            suggestion='write preset = "apple", or client_auth = "private_key_jwt"',
            because=((*path, "preset"),),
        )


def _audiences(path: Path, provider: ProviderSettings) -> Iterator[Finding]:
    trusted = provider.trusted_audiences
    if provider.client_id in trusted or len(set(trusted)) != len(trusted):
        yield Finding(
            path=(*path, "trusted_audiences"),
            message="must name each audience once, and not client_id, which an ID token is for anyway",
            because=((*path, "client_id"),),
        )

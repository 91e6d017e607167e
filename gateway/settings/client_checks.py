"""Contradictions in how it is proven to an issuer who we are."""

from collections.abc import Iterator, Sequence
from typing import Protocol

from pydantic import SecretStr

from gateway.settings.client_keys import ClientKeySettings, ProviderTlsSettings
from gateway.settings.notation import KeyPath
from gateway.settings.providers import ProviderSettings
from gateway.settings.refusal import Finding

Path = tuple[str, int]
_BY_CERTIFICATE = ("tls_client_auth", "self_signed_tls_client_auth")
_BY_KEY = ("private_key_jwt", "signed_client_secret")
_HMAC_KEY = 32  # bytes that a key for HS256 has at least (RFC 7518 3.2)


class Client(Protocol):
    """A table that says how we prove who we are."""

    @property
    def client_auth(self) -> str: ...
    @property
    def client_secret(self) -> SecretStr | None: ...
    @property
    def keys(self) -> Sequence[ClientKeySettings]: ...
    @property
    def tls(self) -> ProviderTlsSettings: ...


class Opening(Protocol):
    """A table that says what opens for us."""

    @property
    def keys(self) -> Sequence[ClientKeySettings]: ...
    @property
    def content_encryption(self) -> Sequence[str]: ...


def client_faults(path: Path, provider: ProviderSettings) -> Iterator[Finding]:
    """Yield what *provider*, an issuer at *path*, cannot be told at once."""
    yield from signing_faults(path, provider, signs_requests=provider.signed_requests)
    yield from _opening(path, provider)
    yield from certificate_faults(path, provider)
    yield from secret_faults(path, provider)
    yield from _signed_secret(path, provider)
    yield from _audiences(path, provider)


def signing_faults(path: KeyPath, client: Client, *, signs_requests: bool = False) -> Iterator[Finding]:
    """Yield where the keys that sign and what they are for do not agree."""
    because = ((*path, "client_auth"), (*path, "signed_requests"))
    signing = [key for key in client.keys if key.use == "sig"]
    reasons = {
        f'client_auth = "{client.client_auth}"': client.client_auth in _BY_KEY,
        "signed_requests": signs_requests,
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
            message=f'sign nothing with client_auth = "{client.client_auth}"',
            suggestion='leave them out, or write client_auth = "private_key_jwt"',
            because=because,
        )
    kids = [key.kid for key in client.keys if key.kid is not None]
    if len(set(kids)) != len(kids):
        yield Finding(path=(*path, "keys"), message="have one kid twice", suggestion="give each its own")


def _opening(path: Path, provider: ProviderSettings) -> Iterator[Finding]:
    yield from opening_faults(
        path,
        provider,
        wanted=provider.encrypted_id_tokens or provider.userinfo_format == "encrypted",
        by='encrypted_id_tokens = true or userinfo_format = "encrypted"',
        because=((*path, "encrypted_id_tokens"), (*path, "userinfo_format")),
    )


def opening_faults(
    path: KeyPath, client: Opening, *, wanted: bool, by: str, because: tuple[KeyPath, ...]
) -> Iterator[Finding]:
    """Yield where the keys that open and what is encrypted to us do not agree.

    Whether anything is, is *wanted*; *by* is what to write that it were, *because* where that stands.
    """
    opening = any(key.use == "enc" for key in client.keys)
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
            suggestion=f"write {by}",
            because=because,
        )
    if not client.content_encryption:
        yield Finding(path=(*path, "content_encryption"), message="is empty: nothing could be opened")


def certificate_faults(path: KeyPath, client: Client) -> Iterator[Finding]:
    """Yield where our certificate and what needs it do not agree."""
    because = ((*path, "client_auth"),)
    if client.client_auth in _BY_CERTIFICATE and client.tls.client_cert is None:
        yield Finding(
            path=(*path, "tls", "client_cert"),
            message=f'is needed for client_auth = "{client.client_auth}"',
            suggestion='write tls = { client_cert = "certs/gateway.pem", client_key = "certs/gateway.key" }',
            because=because,
        )
    if client.tls.client_key is not None and client.tls.client_cert is None:
        yield Finding(
            path=(*path, "tls", "client_key"),
            message="is of no use without a certificate",
            suggestion="write client_cert too",
        )


def secret_faults(path: KeyPath, client: Client) -> Iterator[Finding]:
    """Yield where the secret is too short for what it does."""
    secret = client.client_secret.get_secret_value() if client.client_secret is not None else ""
    if client.client_auth == "client_secret_jwt" and 0 < len(secret.encode()) < _HMAC_KEY:
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

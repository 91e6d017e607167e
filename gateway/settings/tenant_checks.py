"""Contradictions between the tenants of a provider and the address at which all of them are found."""

import re
from collections.abc import Iterator

from gateway.settings.providers import ProviderSettings
from gateway.settings.refusal import Finding

Path = tuple[str, int]

PRIVATE = "9188040d-6c67-4c5b-b112-36a304b66dad"
"""The tenant that private Microsoft accounts are of."""

_SHARED = re.compile(r"https://login\.microsoftonline\.com/(?:common|organizations|consumers)(?:/|$)")
_OF_ALL = re.compile(r".+/(organizations|common)/v2\.0")


def shared_address_faults(path: Path, provider: ProviderSettings) -> Iterator[Finding]:
    """Yield an address of all of Microsoft's tenants where one issuer is meant: no ID token is from it."""
    if provider.preset != "entra-multitenant" and _SHARED.match(provider.issuer or ""):
        yield Finding(
            path=(*path, "issuer"),
            message="is where many issuers are found, and itself none",
            suggestion='write preset = "entra" and a tenant, or preset = "entra-multitenant" and tenants',
            because=((*path, "preset"),),
        )


def tenant_faults(path: Path, provider: ProviderSettings) -> Iterator[Finding]:
    """Yield what *provider* at *path*, of a preset for several tenants, cannot obey."""
    if provider.tenants is None:
        return
    if len(set(provider.tenants)) != len(provider.tenants):
        yield Finding(path=(*path, "tenants"), message="names a tenant twice", suggestion="leave one out")
    yield from _address(path, provider, provider.tenants)


def _address(path: Path, provider: ProviderSettings, tenants: tuple[str, ...]) -> Iterator[Finding]:
    found = _OF_ALL.fullmatch(provider.issuer or "")
    if provider.issuer is not None and found is None:
        yield Finding(
            path=(*path, "issuer"),
            message="must end in /organizations/v2.0 or /common/v2.0, where all tenants are found",
            suggestion='leave it out, or write preset = "entra" for one tenant',
            because=((*path, "preset"),),
        )
    if found is not None and found[1] == "organizations" and PRIVATE in tenants:
        yield Finding(
            path=(*path, "tenants"),
            message="has the tenant of private accounts, which cannot sign in at /organizations/v2.0",
            suggestion='write issuer = "https://login.microsoftonline.com/common/v2.0", or leave it out',
            because=((*path, "issuer"),),
        )

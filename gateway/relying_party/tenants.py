"""Tenants: a discovery document that speaks for many issuers and names none (Microsoft Entra ID).

Law: which issuers count is configured, one for each tenant; no token and no document adds one. An ID
token is held against exactly one of them: it only says against which. Its `tid` is that tenant, and a
key that is published for another issuer does not sign for this one.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from joserfc.jwk import Key

from gateway.errors import LoginFailed
from gateway.relying_party.id_token import take_apart
from gateway.relying_party.jwks import Keys, KeySource
from gateway.relying_party.registration import OF_ALL_TENANTS, Registration

PLACEHOLDER = "{tenantid}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Speaker:
    """One issuer: our registration as it is there, and the keys that sign for it."""

    registration: Registration
    keys: KeySource


class Issuers:
    """Who may speak for a registration: its issuer, or each of its tenants' alone."""

    def __init__(self, registration: Registration, *, keys: KeySource) -> None:
        self._algorithms = registration.algorithms
        self._alone = None if registration.tenants else Speaker(registration=registration, keys=keys)
        self._speakers: Mapping[str, Speaker] = {
            each.issuer: self._alone or Speaker(registration=each, keys=_kept_for(each, registration, keys))
            for each in _at_each(registration)
        }

    def __iter__(self) -> Iterator[Speaker]:
        return iter(self._speakers.values())

    @property
    def names(self) -> frozenset[str]:
        """The issuers, each as its tokens name it, and as `names_of` has it."""
        return frozenset(self._speakers)

    def speaking(self, raw: str) -> Speaker:
        """Return who the ID token *raw* has to be from; nothing of it is verified yet.

        Raises LoginFailed where there are tenants and it is of none of them.
        """
        if self._alone is not None:
            return self._alone
        name = take_apart(raw, algorithms=self._algorithms).claims.get("iss")
        speaker = self._speakers.get(name) if isinstance(name, str) else None
        if speaker is None:
            raise LoginFailed("the ID token is of no tenant that is configured")
        return speaker


def names_of(registration: Registration) -> frozenset[str]:
    """Return the issuers that may speak for *registration*: its own, or each of its tenants' alone."""
    return frozenset(each.issuer for each in _at_each(registration))


def named_by_metadata(registration: Registration) -> str:
    """Return what the discovery document calls its issuer, to the letter."""
    if not registration.tenants:
        return registration.issuer
    return issuer_of(registration.issuer, PLACEHOLDER)


def issuer_of(shared: str, tenant: str) -> str:
    """Return the issuer of *tenant*, where *shared* is the address of all of them."""
    found = OF_ALL_TENANTS.fullmatch(shared)
    if found is None:
        raise ValueError("not the address of all tenants")
    return f"{found['base']}/{tenant}/v2.0"


def _at_each(registration: Registration) -> Iterator[Registration]:
    """Yield *registration* as it is at each issuer.

    Among tenants an e-mail never counts as verified: each may give its people any address at all.
    """
    if not registration.tenants:
        yield registration
    for tenant in registration.tenants:
        yield replace(
            registration,
            issuer=issuer_of(registration.issuer, tenant),
            signed_claims=(*registration.signed_claims, ("tid", tenant)),
            email_counts=False,
            tenants=(),
        )


def _kept_for(one: Registration, every: Registration, keys: KeySource) -> "TenantKeys":
    return TenantKeys(keys, names=frozenset({one.issuer, named_by_metadata(every)}))


@dataclass(frozen=True, slots=True)
class _KeptFor:
    """Of *every* key, those published for one of *names*, or for nobody in particular."""

    every: Keys
    names: frozenset[str]

    def matching(self, kid: str | None, algorithm: str) -> tuple[Key, ...]:
        found = self.every.matching(kid, algorithm)
        return tuple(key for key in found if key.get("issuer") is None or key.get("issuer") in self.names)


class TenantKeys:
    """The keys of *source* that may sign for an issuer, as the member `issuer` of each says."""

    def __init__(self, source: KeySource, *, names: frozenset[str]) -> None:
        self._source = source
        self._names = names

    async def current(self) -> Keys:
        return _KeptFor(await self._source.current(), self._names)

    async def newer(self, *, than: Keys) -> Keys:
        before = than.every if isinstance(than, _KeptFor) else than
        newer = await self._source.newer(than=before)
        return than if newer is before else _KeptFor(newer, self._names)

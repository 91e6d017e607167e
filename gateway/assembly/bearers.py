"""From what is written of access tokens to what is asked of them."""

from collections.abc import Sequence

from gateway.assembly.providers import with_named
from gateway.model.bearer import HELD, Callers, Introspection, Trusted
from gateway.settings.bearers import BearerSettings
from gateway.settings.providers import ProviderSettings
from gateway.settings.schema import Settings


def trusted(settings: Settings, bearer: BearerSettings, *, named: Sequence[str]) -> Trusted:
    """Return what is asked of an issuer's tokens; their claims are read as its logins' are, unless told.

    Those that are *named* by rules and headers are read whatever else.
    """
    same = next((each for each in settings.providers if each.issuer == bearer.issuer), None)
    claims = same.claims if same is not None and "claims" not in bearer.model_fields_set else bearer.claims
    return Trusted(
        issuer=bearer.issuer,
        audiences=bearer.audience,
        algorithms=bearer.algorithms,
        scopes=bearer.scopes,
        typ=bearer.typ,
        callers=Callers(bearer.callers),
        claims=tuple(with_named(claims, named).items()),
        hold=int(bearer.introspection.hold) if bearer.introspection else HELD,
        introspection=_introspection(bearer, same),
    )


def _introspection(bearer: BearerSettings, same: ProviderSettings | None) -> Introspection | None:
    asked = bearer.introspection
    if asked is None:
        return None
    return Introspection(
        client_id=asked.client_id or (same.client_id if same else None) or "",
        endpoint=asked.endpoint or "",
        every_token=asked.tokens == "all",
        signed=asked.format != "json",
        encrypted=asked.format == "encrypted",
        calls_per_second=asked.calls_per_second,
    )

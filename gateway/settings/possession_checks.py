"""Contradictions around access tokens that only their holder can use (RFC 9449, RFC 8705 3)."""

from collections.abc import Iterator

from gateway.settings.providers import ProviderSettings
from gateway.settings.refusal import Finding
from gateway.settings.schema import Settings


def possession_faults(settings: Settings) -> Iterator[Finding]:
    """Yield each route that would pass on tokens which nobody but the gateway could use."""
    bound = [(index, _to(each)) for index, each in enumerate(settings.providers) if _to(each)]
    for route in _passing_on(settings) if bound else ():
        index, to = bound[0]
        yield Finding(
            path=("routes", route, "forward_token"),
            message=f"passes on access tokens, and those of providers[{index}] are bound to our {to}",
            suggestion='write forward_token = "id_token", or leave dpop and profile out',
            because=tuple(("providers", index, key) for key in ("dpop", "profile", "tls")),
        )


def possession_cautions(settings: Settings) -> Iterator[str]:
    """Yield each route that passes on tokens which an issuer may have bound to the certificate we show."""
    shown = [i for i, each in enumerate(settings.providers) if each.tls.client_cert and not _to(each)]
    for route in _passing_on(settings) if shown else ():
        yield (
            f"routes[{route}].forward_token passes on access tokens, and the issuer of providers[{shown[0]}] "
            "sees our certificate: where it binds them to that (RFC 8705 3), no app can use them"
        )


def _to(provider: ProviderSettings) -> str:
    """Say what the access tokens of *provider* are surely bound to, empty for nothing."""
    if provider.binds_by_key:
        return "key"
    return "certificate" if provider.profile is not None else ""


def _passing_on(settings: Settings) -> list[int]:
    return [
        index
        for index, route in enumerate(settings.routes)
        if route.forward_token == "access_token"  # noqa: S105 - the name of a kind
    ]

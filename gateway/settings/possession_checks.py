"""Contradictions around access tokens that only their holder can use (RFC 9449)."""

from collections.abc import Iterator

from gateway.settings.refusal import Finding
from gateway.settings.schema import Settings


def possession_faults(settings: Settings) -> Iterator[Finding]:
    """Yield each route that would pass on tokens which nobody but the gateway could use."""
    bound = [index for index, each in enumerate(settings.providers) if each.binds_by_key]
    for index, route in enumerate(settings.routes):
        if bound and route.forward_token == "access_token":  # noqa: S105 - the name of a kind
            yield Finding(
                path=("routes", index, "forward_token"),
                message=f"passes on access tokens, and those of providers[{bound[0]}] are bound to our key",
                suggestion='write forward_token = "id_token", or leave dpop and profile out',
                because=(("providers", bound[0], "dpop"), ("providers", bound[0], "profile")),
            )

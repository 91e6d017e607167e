"""Contradictions in how a provider's issuer is to answer through the browser."""

from collections.abc import Iterator

from gateway.settings.addresses import url
from gateway.settings.refusal import Finding
from gateway.settings.schema import Settings


def response_faults(settings: Settings) -> Iterator[Finding]:
    """Yield each provider whose posted answers no browser would bring the cookie for."""
    if url(settings.public_url).tls:
        return
    for index, provider in enumerate(settings.providers):
        if provider.response_mode.startswith("form_post"):
            yield Finding(
                path=("providers", index, "response_mode"),
                message="posts from another site, whose cookie browsers keep only with https",
                suggestion='write "query", or an https public_url',
                because=(("public_url",),),
            )

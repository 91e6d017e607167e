"""Contradictions about where the gateway listens, and who comes there."""

from collections.abc import Callable, Iterator

from gateway.settings.addresses import listen_address
from gateway.settings.refusal import Finding
from gateway.settings.schema import Settings


def _two_ports(settings: Settings) -> Iterator[Finding]:
    if listen_address(settings.listen).overlaps(listen_address(settings.admin_listen)):
        yield Finding(
            path=("admin_listen",),
            message="is the address the gateway itself listens on",
            suggestion="the admin endpoints need a port of their own",
            because=(("listen",),),
        )


def _headers(settings: Settings) -> Iterator[Finding]:
    if settings.proxy_protocol and not settings.trusted_proxies:
        yield Finding(
            path=("proxy_protocol",),
            message="is demanded of trusted_proxies, and none is named",
            suggestion="name the proxy's address in trusted_proxies",
            because=(("trusted_proxies",),),
        )


LISTEN_CHECKS: tuple[Callable[[Settings], Iterator[Finding]], ...] = (_two_ports, _headers)

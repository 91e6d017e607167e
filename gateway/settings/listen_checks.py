"""Contradictions about where the gateway listens, and who comes there."""

import os
import stat
from collections.abc import Callable, Iterator

from gateway.settings.addresses import UNIX, Address, listen_address, socket_path, url
from gateway.settings.notation import KeyPath
from gateway.settings.refusal import Finding
from gateway.settings.schema import Settings


def _two_ports(settings: Settings) -> Iterator[Finding]:
    if socket_path(settings.listen):
        return
    if listen_address(settings.listen).overlaps(listen_address(settings.admin_listen)):
        yield Finding(
            path=("admin_listen",),
            message="is the address the gateway itself listens on",
            suggestion="the admin endpoints need a port of their own",
            because=(("listen",),),
        )


def _socket(settings: Settings) -> Iterator[Finding]:
    path = socket_path(settings.listen)
    if path and _is_something_else(path):
        yield Finding(
            path=("listen",),
            message=f"{path} is there and is no socket",
            suggestion="name a file of its own, in a folder of the gateway's",
        )
    if not path and UNIX in settings.trusted_proxies:
        yield Finding(
            path=("trusted_proxies",),
            message='holds "unix:", and nobody comes by a Unix socket',
            suggestion='write listen = "unix:/run/vestibule/gateway.sock", or leave it out',
            because=(("listen",),),
        )


def _is_something_else(path: str) -> bool:
    try:
        return not stat.S_ISSOCK(os.lstat(path).st_mode)
    except OSError:
        return False


def _headers(settings: Settings) -> Iterator[Finding]:
    if settings.proxy_protocol and not settings.trusted_proxies:
        yield Finding(
            path=("proxy_protocol",),
            message="is demanded of trusted_proxies, and none is named",
            suggestion="name the proxy's address in trusted_proxies",
            because=(("trusted_proxies",),),
        )


def _no_loops(settings: Settings) -> Iterator[Finding]:
    """An upstream that is one of our own sockets would send every request back to ourselves."""
    own = {key: _place(getattr(settings, key)) for key in ("listen", "admin_listen")}
    for path, target in _targets(settings):
        for key, place in own.items():
            if _is_one(target, place):
                yield Finding(
                    path=path,
                    message=f"is {key}, the gateway's own address: it would call itself",
                    because=((key,),),
                )


def _targets(settings: Settings) -> Iterator[tuple[KeyPath, str]]:
    """Yield every address that requests are sent to, and the key that names it."""
    for name, upstream in settings.upstreams.items():
        for index, each in enumerate(upstream.urls):
            yield ("upstreams", name, "urls", index), each
    for index, route in enumerate(settings.routes):
        if route.upstream is not None and (route.upstream.startswith(UNIX) or "://" in route.upstream):
            yield ("routes", index, "upstream"), route.upstream


def _place(listen: str) -> Address | str:
    """Return where *listen* is: the socket's own spelling, or host and port."""
    return listen if socket_path(listen) else listen_address(listen)


def _is_one(target: str, own: Address | str) -> bool:
    """Say whether *target*, an upstream's address, could be the socket *own*; one that is none is not."""
    if isinstance(own, str) or socket_path(target):
        return target == own
    try:
        return url(target).address.overlaps(own)
    except ValueError:
        return False


LISTEN_CHECKS: tuple[Callable[[Settings], Iterator[Finding]], ...] = (
    _two_ports,
    _socket,
    _headers,
    _no_loops,
)

"""Contradictions about where the gateway listens, and who comes there."""

import os
import stat
from collections.abc import Callable, Iterator

from gateway.settings.addresses import UNIX, listen_address, socket_path, url
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
    for name, upstream in settings.upstreams.items():
        for index, each in enumerate(upstream.urls):
            yield from _ours(("upstreams", name, "urls", index), each, settings)
    for index, route in enumerate(settings.routes):
        if route.upstream is not None and (route.upstream.startswith(UNIX) or "://" in route.upstream):
            yield from _ours(("routes", index, "upstream"), route.upstream, settings)


def _ours(path: KeyPath, target: str, settings: Settings) -> Iterator[Finding]:
    for key in ("listen", "admin_listen"):
        if _is_one(target, getattr(settings, key)):
            yield Finding(
                path=path,
                message=f"is {key}, the gateway's own address: it would call itself",
                because=((key,),),
            )


def _is_one(target: str, own: str) -> bool:
    """Say whether *target*, an upstream's address, could be the socket *own*; one that is none is not."""
    try:
        if socket_path(target) or socket_path(own):
            return target == own
        return url(target).address.overlaps(listen_address(own))
    except ValueError:
        return False


LISTEN_CHECKS: tuple[Callable[[Settings], Iterator[Finding]], ...] = (
    _two_ports,
    _socket,
    _headers,
    _no_loops,
)

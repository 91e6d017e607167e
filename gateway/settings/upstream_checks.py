"""Contradictions of an upstream: each check reads sound settings and yields what cannot stand together."""

import ssl
from collections.abc import Callable, Iterator

from gateway.settings.notation import KeyPath
from gateway.settings.refusal import Finding
from gateway.settings.schema import Settings
from gateway.settings.upstreams import UpstreamSettings, UpstreamTlsSettings


def _each(settings: Settings) -> Iterator[Finding]:
    for name, upstream in settings.upstreams.items():
        path = ("upstreams", name)
        yield from _urls(path, upstream)
        yield from _alone(path, upstream)
        yield from _tls(path, upstream)


def _urls(path: KeyPath, upstream: UpstreamSettings) -> Iterator[Finding]:
    if not upstream.urls:
        yield Finding(
            path=(*path, "urls"),
            message="names no place where the app listens",
            suggestion='for example ["http://127.0.0.1:3000"]',
        )
    for index, each in enumerate(upstream.urls):
        if each in upstream.urls[:index]:
            yield Finding(
                path=(*path, "urls", index), message="is there already", suggestion="name each member once"
            )


def _alone(path: KeyPath, upstream: UpstreamSettings) -> Iterator[Finding]:
    """What only several members have means nothing to one."""
    for key in ("balance", "slow_start"):
        if len(upstream.urls) == 1 and key in upstream.model_fields_set:
            yield Finding(
                path=(*path, key),
                message="says how several members share the load, and there is one",
                suggestion="leave it out, or name more urls",
                because=((*path, "urls"),),
            )


def _tls(path: KeyPath, upstream: UpstreamSettings) -> Iterator[Finding]:
    tls = upstream.tls
    written = sorted(tls.model_fields_set)
    if not written:
        return
    if not any(each.startswith("https://") for each in upstream.urls):
        yield Finding(
            path=(*path, "tls"),
            message="is never used: none of the urls begins with https://",
            suggestion="leave it out, or write https:// URLs",
            because=((*path, "urls"),),
        )
    if tls.client_key and not tls.client_cert:
        yield Finding(
            path=(*path, "tls", "client_key"),
            message="is the key of no certificate",
            suggestion="name its certificate in client_cert",
            because=((*path, "tls", "client_cert"),),
        )
    yield from _pem(path, tls)


def _pem(path: KeyPath, tls: UpstreamTlsSettings) -> Iterator[Finding]:
    """Yield the files that hold something else than they should, found as they will be used."""
    try:
        ssl.create_default_context(cafile=tls.ca)
    except OSError:
        yield Finding(
            path=(*path, "tls", "ca"),
            message="holds no certificates in PEM form",
            suggestion="it begins with -----BEGIN CERTIFICATE-----",
        )
    if tls.client_cert is None:
        return
    try:
        ssl.create_default_context().load_cert_chain(tls.client_cert, tls.client_key, password=_no_password)
    except OSError:
        yield Finding(
            path=(*path, "tls", "client_cert"),
            message="and its key are not a certificate and the plain key to it, in PEM form",
            suggestion="a key with a passphrase cannot be used: nobody could type it at the start",
            because=((*path, "tls", "client_key"),),
        )


def _no_password() -> bytes:
    raise ssl.SSLError("the key is encrypted")


UPSTREAM_CHECKS: tuple[Callable[[Settings], Iterator[Finding]], ...] = (_each,)

"""Contradictions about TLS on the public port: found when the configuration is read, also at a reload."""

import os
import ssl
import stat
from collections.abc import Callable, Iterator
from typing import NoReturn

from gateway.settings.addresses import url
from gateway.settings.refusal import Finding
from gateway.settings.schema import Settings
from gateway.settings.tls import TlsSettings


def _promised(settings: Settings) -> Iterator[Finding]:
    if settings.tls is not None and not url(settings.public_url).tls:
        yield Finding(
            path=("tls",),
            message="answers TLS alone, and public_url tells browsers to come without",
            suggestion=f'write public_url = "https{settings.public_url.removeprefix("http")}"',
            because=(("public_url",),),
        )


def _usable(settings: Settings) -> Iterator[Finding]:
    if settings.tls is None:
        return
    if _others_may_read(settings.tls.key):
        yield Finding(
            path=("tls", "key"),
            message=f"{settings.tls.key} can be read by everybody",
            suggestion=f"chmod o= {settings.tls.key}",
        )
    if reason := _unusable(settings.tls):
        yield Finding(
            path=("tls", "cert"),
            message=f"cannot be used with its key: {reason}",
            suggestion="cert holds the certificates, its own first, and key the private key to it",
            because=(("tls", "key"),),
        )


def _authorities(settings: Settings) -> Iterator[Finding]:
    client_ca = None if settings.tls is None else settings.tls.client_ca
    if client_ca is None:
        return
    if reason := _reason(lambda context: context.load_verify_locations(client_ca)):
        yield Finding(path=("tls", "client_ca"), message=f"cannot be used: {reason}")


def _others_may_read(path: str) -> bool:
    try:
        return bool(os.stat(path).st_mode & stat.S_IROTH)
    except OSError:
        return False  # gone since: the next check says so


def _unusable(tls: TlsSettings) -> str:
    """Say why the pair makes no TLS server; empty where it does."""
    return _reason(lambda context: context.load_cert_chain(tls.cert, tls.key, password=_nobody_types))


def _reason(load: Callable[[ssl.SSLContext], None]) -> str:
    """Say why *load* fails; empty where it does not."""
    try:
        load(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
    except ssl.SSLError as error:
        return (error.reason or "not PEM").replace("_", " ").lower()
    except OSError as error:
        return error.strerror or "cannot be read"
    except ValueError as error:
        return str(error)
    return ""


def _nobody_types() -> NoReturn:
    raise ValueError("the key is encrypted, and nobody is there to type its password")


TLS_CHECKS: tuple[Callable[[Settings], Iterator[Finding]], ...] = (_promised, _usable, _authorities)

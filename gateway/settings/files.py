"""Files that the configuration names: certificates, and the private keys that belong to them.

A relative path starts at the configuration file. What a file holds is looked at here as far as it can
be told from its form, so that a wrong one is a fault with a line and not a failure at night.
"""

from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, ValidationInfo, WithJsonSchema

from gateway.settings.references import Surroundings, read_file
from gateway.settings.refusal import Refused

LARGEST = 4 * 1024 * 1024
"""Bytes of a file of certificates: all that a system trusts is about 200 KiB."""


def _certificates(value: object, info: ValidationInfo) -> str | None:
    if value is None:
        return None
    path = _path(value, info)
    if b"-----BEGIN CERTIFICATE-----" not in read_file(path, private=False, largest=LARGEST):
        raise Refused(f"{path} holds no certificate", "it must be PEM: -----BEGIN CERTIFICATE-----")
    return str(path)


def _private_key(value: object, info: ValidationInfo) -> str | None:
    if value is None:
        return None
    path = _path(value, info)
    content = read_file(path, private=True)
    if b"ENCRYPTED" in content:
        raise Refused(f"{path} is encrypted, and nobody is there to type its passphrase")
    if b"PRIVATE KEY-----" not in content:
        raise Refused(f"{path} holds no private key", "it must be PEM: -----BEGIN PRIVATE KEY-----")
    return str(path)


def _path(value: object, info: ValidationInfo) -> Path:
    if not isinstance(value, str) or not value or "\0" in value:
        raise Refused("must be the path of a file")
    directory = info.context.directory if isinstance(info.context, Surroundings) else Path()
    return (directory / value).absolute()


_AS_TEXT = WithJsonSchema({"type": "string"})
CertificateFile = Annotated[str | None, BeforeValidator(_certificates), _AS_TEXT]
PrivateKeyFile = Annotated[str | None, BeforeValidator(_private_key), _AS_TEXT]

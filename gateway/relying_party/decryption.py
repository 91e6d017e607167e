"""Tokens that were encrypted to a key of ours: opened once, to find a signed one (RFC 7516, RFC 8725).

Law: the key decides the algorithm, the configuration which ciphers will do, and the token neither;
nothing compressed is opened (a few bytes could become any number); inside is one JWS and no other JWE,
whose signature is held as if it had come alone. Every failure looks alike.
"""

import re
from collections.abc import Sequence

from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwe import JWERegistry
from joserfc.util import urlsafe_b64decode

from gateway.errors import LoginFailed, LogoutRefused
from gateway.relying_party.client_keys import ClientKey
from gateway.relying_party.registration import Registration
from gateway.relying_party.strict_json import JsonRefused, read_object

LARGEST = 32 * 1024
_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+){3}")
_SIGNED = re.compile(rb"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_MOST = 16 * 1024
_DOTS = 4


def signed_id_token(raw: str, registration: Registration) -> str:
    """Return the signed ID token in *raw*, which is that itself where none is to be encrypted.

    Raises LoginFailed.
    """
    return opened(raw, registration) if registration.encrypted_id_tokens else raw


def signed_logout_token(raw: str, registration: Registration) -> str:
    """Return the signed logout token in *raw*, whether it was encrypted as ID tokens are or not.

    Raises LogoutRefused.
    """
    if not registration.encrypted_id_tokens or raw.count(".") != _DOTS:
        return raw
    try:
        return opened(raw, registration)
    except LoginFailed as error:
        raise LogoutRefused(str(error)) from None


def opened(raw: str, registration: Registration) -> str:
    """Return the compact JWS that *raw*, a compact JWE to one of our keys, holds. Raises LoginFailed."""
    if len(raw) > LARGEST or not _COMPACT.fullmatch(raw):
        raise LoginFailed("the token is not a compact JWE of at most 32 KiB, as was asked for")
    header = _header(raw.partition(".")[0])
    enc = header.get("enc")
    if not isinstance(enc, str) or enc not in registration.content_encryption:
        raise LoginFailed("the token's enc is not a configured one")
    for key in _candidates(header, registration.decryption_keys):
        plain = _decrypted(raw, key, enc)
        if plain is not None and len(plain) <= _MOST and _SIGNED.fullmatch(plain):
            return plain.decode("ascii")
    raise LoginFailed("the token does not open with a key of ours to a signed token")


def _header(part: str) -> dict[str, object]:
    try:
        header = read_object(urlsafe_b64decode(part.encode("ascii")), limit=LARGEST)
    except (JsonRefused, ValueError):
        raise LoginFailed("the encrypted token's header is not JSON") from None
    if "zip" in header or "crit" in header:
        raise LoginFailed("the encrypted token is compressed, or needs an extension that we do not know")
    return header


def _candidates(header: dict[str, object], keys: Sequence[ClientKey]) -> list[ClientKey]:
    """Return the keys whose own algorithm and, where one is named, whose id the token has."""
    kid = header.get("kid")
    return [key for key in keys if header.get("alg") == key.algorithm and kid in (None, key.kid)]


def _decrypted(raw: str, key: ClientKey, enc: str) -> bytes | None:
    registry = JWERegistry(algorithms=[key.algorithm, enc], strict_check_header=False)
    try:
        return jwe.decrypt_compact(raw, key.key, registry=registry).plaintext
    except (JoseError, ValueError, TypeError, KeyError, AssertionError):
        return None

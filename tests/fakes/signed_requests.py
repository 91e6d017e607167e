"""Signed requests read back from the bytes of a head, and checked by a library that nobody here wrote."""

from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from http_message_signatures import HTTPMessageVerifier, HTTPSignatureKeyResolver, VerifyResult
from http_message_signatures.algorithms import ED25519, HMAC_SHA256

from gateway.verify.received import Received


class Lines(dict[str, str]):
    """Header fields as that library wants them: repeated ones joined (RFC 9110 5.2)."""

    def __init__(self, fields: tuple[tuple[str, str], ...]) -> None:
        super().__init__()
        for name, value in fields:
            self[name] = f"{self[name]}, {value}" if name in self else value


@dataclass
class Message:
    """A request as that library wants it."""

    method: str
    url: str
    headers: Lines


class _Timeless(HTTPMessageVerifier):
    """Checks everything but the time, which tests stop."""

    def validate_created_and_expires(self, *_: object, **__: object) -> None:
        pass


class _Keys(HTTPSignatureKeyResolver):
    def __init__(self, key: Any) -> None:
        self.key = key
        self.asked: list[str] = []

    def resolve_public_key(self, key_id: str) -> Any:
        self.asked.append(key_id)
        return self.key


def received(head: bytes, *, scheme: str = "http") -> Received:
    """Return the request of *head*, whole or with a body after it, as a server would tell of it."""
    opening, *lines = head.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
    method, target, _ = opening.split(" ")
    path, _, query = target.partition("?")
    fields = tuple((line.partition(": ")[0], line.partition(": ")[2]) for line in lines)
    return Received(method=method, scheme=scheme, path=path, query=query, fields=fields)


def target_of(head: bytes) -> str:
    return head.split(b" ", 2)[1].decode("ascii")


def verified(head: bytes, key: bytes | Ed25519PublicKey, *, scheme: str = "http") -> list[VerifyResult]:
    """Return what the library found of *head*'s signatures; raise what it raises."""
    request = received(head, scheme=scheme)
    [host] = request.values("host")
    message = Message(
        method=request.method, url=f"{scheme}://{host}{target_of(head)}", headers=Lines(request.fields)
    )
    verifier = _Timeless(
        signature_algorithm=HMAC_SHA256 if isinstance(key, bytes) else ED25519, key_resolver=_Keys(key)
    )
    found: list[VerifyResult] = verifier.verify(message)
    return found

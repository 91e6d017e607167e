"""The upstream's side: prove that a request came through the gateway, and learn who calls.

    from gateway.verify import Verifier
    from gateway.verify.wsgi import RequireAssertion

    app = RequireAssertion(app, Verifier(
        jwks_url="https://gateway.example.com/.gateway/jwks.json",
        issuer="https://gateway.example.com",
        audience="wiki",
    ))

Where the gateway signs whole requests, `SignatureVerifier` and `RequireSignature` take their place.
Imports nothing else of the gateway: needs joserfc, the cryptography that it brings along, and the
standard library alone.
"""

from gateway.verify.caller import (
    AssertionInvalid,
    AssertionMissing,
    Caller,
    CallerMissing,
    KeysUnavailable,
    MemoryFull,
    SignatureInvalid,
    SignatureMissing,
    VerificationFailed,
)
from gateway.verify.signature import SignatureVerifier
from gateway.verify.verifier import Verifier

__all__ = [
    "AssertionInvalid",
    "AssertionMissing",
    "Caller",
    "CallerMissing",
    "KeysUnavailable",
    "MemoryFull",
    "SignatureInvalid",
    "SignatureMissing",
    "SignatureVerifier",
    "VerificationFailed",
    "Verifier",
]

"""All keys of a gateway, derived from its secrets: one secret makes every key, each key has one use.

The law of this file: a key is named by (secret, use, purpose, scope), all of which enter the
derivation (HKDF-SHA256, RFC 5869), so that a value made for one purpose, or by a gateway with
another `public_url`, is noise to every other.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gateway.errors import Fault, SettingsInvalid
from gateway.keys import base64url
from gateway.keys.mac import Mac
from gateway.keys.request_keys import ED25519_SEED, Ed25519Key, SharedKey
from gateway.keys.seal import MAX_SEALED, Sealer, SealKey
from gateway.keys.signing import SEED, SigningKeys, derived

MIN_SECRET = 32
SESSION = "session"
"""The purpose of the seal on sessions."""

_KEY = 32
_KEY_ID = 6
_FORMAT = "vestibule/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyNames:
    """The ids by which the keys of one secret are known: in sealed sessions, and in assertions."""

    session: str
    assertion: str


class KeyRing:
    """The secrets of a gateway: the first seals, tags and signs; all open, recognise and are published.

    *secrets* are at least `MIN_SECRET` octets each, else SettingsInvalid is raised; *scope* is the
    gateway's `public_url`. Nodes with equal secrets and scope have equal keys.
    """

    def __init__(self, secrets: Sequence[bytes], *, scope: str) -> None:
        if not secrets or min(map(len, secrets)) < MIN_SECRET:
            raise SettingsInvalid([Fault(key="secret", message=f"needs at least {MIN_SECRET} bytes")])
        self._secrets = tuple(dict.fromkeys(secrets))
        self._scope = scope

    def sealer(self, purpose: str, *, longest: int = MAX_SEALED) -> Sealer:
        """Return the sealer whose values, of at most *longest* characters, open for *purpose* alone."""
        return Sealer([self._seal_key(secret, purpose) for secret in self._secrets], longest=longest)

    def mac(self, purpose: str) -> Mac:
        """Return the tagger whose tags hold for *purpose* alone."""
        return Mac([self._derive(secret, "mac", purpose, _KEY) for secret in self._secrets])

    def signing_keys(self) -> SigningKeys:
        """Return the keys that sign assertions for upstreams."""
        seeds = (self._derive(secret, "es256", "assertion", SEED) for secret in self._secrets)
        return SigningKeys([derived(seed) for seed in seeds])

    def shared_keys(self, audience: str) -> tuple[SharedKey, ...]:
        """Return the keys of requests to *audience* alone, the one that signs now first."""
        derived = (self._derive(secret, "hmac-sha256", audience, _KEY) for secret in self._secrets)
        return tuple(SharedKey(key) for key in derived)

    def ed25519_keys(self) -> tuple[Ed25519Key, ...]:
        """Return the keys of requests to any upstream, the one that signs now first."""
        seeds = (self._derive(secret, "ed25519", "request", ED25519_SEED) for secret in self._secrets)
        return tuple(Ed25519Key(seed) for seed in seeds)

    def names(self) -> tuple[KeyNames, ...]:
        """Return the public ids of every secret's keys, in the order of the ring."""
        signing = self.signing_keys()
        return tuple(
            KeyNames(session=self._seal_key(secret, SESSION).kid, assertion=kid)
            for secret, kid in zip(self._secrets, signing.kids, strict=True)
        )

    def _seal_key(self, secret: bytes, purpose: str) -> SealKey:
        return SealKey(
            kid=base64url.encode(self._derive(secret, "kid", purpose, _KEY_ID)).decode(),
            encryption=self._derive(secret, "jwe", purpose, _KEY),
            signature=self._derive(secret, "jws", purpose, _KEY),
        )

    def _derive(self, secret: bytes, use: str, purpose: str, length: int) -> bytes:
        named = [part.encode() for part in (_FORMAT, use, purpose, self._scope)]
        info = b"".join(len(part).to_bytes(4, "big") + part for part in named)
        return HKDF(algorithm=SHA256(), length=length, salt=None, info=info).derive(secret)

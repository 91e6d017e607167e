"""The gateway's public keys: given once, or fetched, kept, and fetched again within reason.

The law: a request can cause at most one fetch per `COOLDOWN`; keys that cannot be fetched anew are
trusted until `KEPT` is over, never for ever.
"""

import json
from collections.abc import Callable, Mapping
from http.client import HTTPException, HTTPResponse
from threading import Lock
from time import monotonic
from typing import NoReturn
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, ProxyHandler, build_opener

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey, import_key

from gateway.verify.caller import KeysUnavailable

ALGORITHMS = ("ES256", "EdDSA", "RS256")
COOLDOWN = 60.0
FRESH = 600.0
KEPT = 24 * 3600.0
PATIENCE = 5.0
LARGEST = 512 * 1024
MOST = 64
_LEAST_MODULUS = 342  # base64url of 2048 bits
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})

Keys = Mapping[str, Key]


class GivenKeys:
    """Keys that are known from the start and never change."""

    def __init__(self, jwks: Mapping[str, object]) -> None:
        self._keys = read(jwks)
        if not self._keys:
            raise ValueError("the key set holds no public key that can verify an assertion")

    def find(self, kid: str) -> Key | None:
        """Return the key called *kid*."""
        return self._keys.get(kid)


class FetchedKeys:
    """Keys at a URL: https, or plain http on this machine."""

    def __init__(self, url: str, *, clock: Callable[[], float]) -> None:
        split = urlsplit(url)
        if split.scheme != "https" and (split.scheme != "http" or split.hostname not in _LOOPBACK):
            raise ValueError("jwks_url must be https: whoever can change the keys can be anybody")
        self._url = url
        self._clock = clock
        self._lock = Lock()
        self._held: tuple[Keys, float] = {}, float("-inf")  # and since when, never one without the other
        self._tried_at = float("-inf")

    def find(self, kid: str) -> Key | None:
        """Return the key called *kid*, fetched anew where it is not known; raise `KeysUnavailable`."""
        now = self._clock()
        keys, fetched_at = self._held
        if kid not in keys or abs(now - fetched_at) >= FRESH:
            self._refresh(now, wait=kid not in keys)
            keys, fetched_at = self._held
        if abs(now - fetched_at) >= KEPT:
            raise KeysUnavailable("no keys could be fetched")
        return keys.get(kid)

    def _refresh(self, now: float, *, wait: bool) -> None:
        """Fetch once for all threads that ask at the same time; nobody waits whose key is known."""
        if not self._lock.acquire(blocking=wait):
            return
        try:
            if abs(now - self._tried_at) >= COOLDOWN:
                self._tried_at = now
                self._fetch(now)
        finally:
            self._lock.release()

    def _fetch(self, now: float) -> None:
        """A failure keeps the keys that are known; where none is, the next try comes sooner."""
        try:
            self._held = fetched(self._url), now
        except KeysUnavailable:
            keys, _ = self._held
            if not keys:
                self._tried_at = now - COOLDOWN + PATIENCE


def fetched(url: str) -> Keys:
    """Return the keys at *url*; raise `KeysUnavailable`. No redirect, no proxy, bounded size and time."""
    opener = build_opener(ProxyHandler({}), _NoRedirects)
    try:
        with opener.open(url, timeout=PATIENCE) as answer:
            body = _body(answer)
    except (OSError, HTTPException) as exc:
        raise KeysUnavailable("the key set cannot be read") from exc
    try:
        jwks = json.loads(body) if len(body) <= LARGEST else None
    except (ValueError, RecursionError) as exc:
        raise KeysUnavailable("the key set is not JSON") from exc
    keys = read(jwks) if isinstance(jwks, dict) else {}
    if not keys:
        raise KeysUnavailable("the key set holds no key of ours")
    return keys


def _body(answer: HTTPResponse) -> bytes:
    """Return the body, up to one byte more than may be. Raises OSError where it comes too slowly."""
    until, body = monotonic() + PATIENCE, b""
    while len(body) <= LARGEST and (piece := answer.read1(LARGEST + 1 - len(body))):
        if monotonic() > until:
            raise TimeoutError("the key set drips")
        body += piece
    return body


class _NoRedirects(HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> NoReturn:
        """Refuse: keys come from the address that was configured."""
        raise KeysUnavailable("the key set has moved")


def read(jwks: Mapping[str, object]) -> Keys:
    """Return the usable public signing keys of a JWK Set (RFC 7517 5) by `kid`; the others are skipped."""
    listed = jwks.get("keys")
    found = (_usable(jwk) for jwk in (listed[:MOST] if isinstance(listed, list) else ()))
    return {key.kid: key for key in found if key is not None and key.kid}


def _usable(jwk: object) -> Key | None:
    if not isinstance(jwk, dict) or jwk.get("use", "sig") != "sig" or "d" in jwk or "k" in jwk:
        return None
    if not isinstance(jwk.get("kid"), str):
        return None
    if jwk.get("kty") == "RSA" and len(str(jwk.get("n"))) < _LEAST_MODULUS:
        return None
    try:
        key = import_key(jwk)
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    return key if algorithm_of(key) is not None and jwk.get("alg") in (None, algorithm_of(key)) else None


def algorithm_of(key: Key) -> str | None:
    """Return the one algorithm that *key* verifies here, whatever a token asks for."""
    if isinstance(key, ECKey) and key.curve_name == "P-256":
        return "ES256"
    if isinstance(key, OKPKey) and key.curve_name == "Ed25519":
        return "EdDSA"
    if isinstance(key, RSAKey) and key.raw_value.key_size >= 2048:
        return "RS256"
    return None

"""Keys that the app shares with the gateway, as `gateway keys export --upstream` prints them."""

from collections.abc import Mapping

from gateway.verify.strict import Invalid, octets

SHORTEST = 32


class SharedKeys:
    """The symmetric keys of a JWK Set (RFC 7518 6.4) by their `kid`, which never change."""

    def __init__(self, jwks: Mapping[str, object]) -> None:
        """Raise ValueError where a key is none, is too short, or where there is none at all."""
        listed = jwks.get("keys")
        self._keys = dict(_key(jwk) for jwk in (listed if isinstance(listed, list) else ()))
        if not self._keys:
            raise ValueError("the key set holds no key")

    def find(self, kid: str) -> bytes | None:
        """Return the key called *kid*."""
        return self._keys.get(kid)


def _key(jwk: object) -> tuple[str, bytes]:
    if not isinstance(jwk, dict) or jwk.get("kty") != "oct" or jwk.get("alg", "HS256") != "HS256":
        raise ValueError("the key set holds what is no shared key of HMAC-SHA256")
    kid, text = jwk.get("kid"), jwk.get("k")
    if not isinstance(kid, str) or not kid or not isinstance(text, str):
        raise ValueError("a key has no kid or no value")
    try:
        secret = octets(text)
    except Invalid:
        raise ValueError("a key is not base64url") from None
    if len(secret) < SHORTEST:
        raise ValueError(f"a key is shorter than {SHORTEST} bytes")
    return kid, secret

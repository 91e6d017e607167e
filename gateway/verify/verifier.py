"""Verify an assertion: every rule explicit, nothing taken from the token on trust (RFC 8725 3)."""

import time
from collections.abc import Callable, Collection, Mapping

from joserfc.errors import JoseError
from joserfc.jwa import JWSAlgModel
from joserfc.jws import JWSRegistry, deserialize_compact

from gateway.verify.caller import AssertionInvalid, AssertionMissing, Caller
from gateway.verify.keys import ALGORITHMS, FetchedKeys, GivenKeys, algorithm_of
from gateway.verify.strict import LONGEST, Invalid, compact

LONGEST_LIFE = 300
SKEW = 60
MOST_LEEWAY = 5.0


class Verifier:
    """Verifies assertions of one gateway (*issuer*: its public URL) for one app (*audience*).

    Keys come from *jwks* (a JWK Set) or *jwks_url*, exactly one of them. *leeway*, 0 to 5 seconds, is
    granted after the end of an assertion. Safe for use by several threads.
    """

    def __init__(
        self,
        *,
        issuer: str,
        audience: str,
        jwks: Mapping[str, object] | None = None,
        jwks_url: str | None = None,
        algorithms: Collection[str] = ("ES256",),
        leeway: float = 0.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if not issuer or not audience:
            raise ValueError("issuer and audience are needed")
        if not algorithms or not set(algorithms) <= set(ALGORITHMS):
            raise ValueError(f"algorithms must be among {', '.join(ALGORITHMS)}")
        if not 0 <= leeway <= MOST_LEEWAY:
            raise ValueError("leeway must be 0 to 5 seconds")
        self._issuer = issuer
        self._audience = audience
        self._algorithms = frozenset(algorithms)
        self._leeway = leeway
        self._clock = clock
        self._registry = _Registry(algorithms=sorted(algorithms))
        self._registry.max_payload_length = LONGEST
        self._keys = _keys(jwks, jwks_url, clock)

    def verify(self, assertion: str) -> Caller:
        """Return who calls; raise `AssertionInvalid`, or `KeysUnavailable` where keys cannot be fetched."""
        try:
            header, claims = compact(assertion)
            self._check_signature(assertion, header)
            self._check_claims(claims)
            return Caller.told_by(claims)
        except Invalid as exc:
            raise AssertionInvalid(str(exc)) from exc

    def identify(self, assertions: Collection[str], user_ids: Collection[str] | None) -> Caller:
        """Return who calls by all values of the assertion's and of the user's header.

        Exactly one assertion must be there, and exactly one user id, equal to its `sub`; None stands
        for an app that reads no user id. Raises as `verify` does, and `AssertionMissing`.
        """
        if not assertions:
            raise AssertionMissing("no assertion came")
        if len(assertions) > 1:
            raise AssertionInvalid("several assertions came")
        caller = self.verify(*assertions)
        if user_ids is not None and list(user_ids) != [caller.id]:
            raise AssertionInvalid("the user header does not name the caller")
        return caller

    def _check_signature(self, assertion: str, header: Mapping[str, object]) -> None:
        kid, algorithm = header["kid"], header["alg"]
        if header["typ"] != "JWT" or not isinstance(algorithm, str) or algorithm not in self._algorithms:
            raise Invalid("typ or alg is not one of ours")
        if not isinstance(kid, str) or not 0 < len(kid) <= 256:
            raise Invalid("kid is not a name")
        key = self._keys.find(kid)
        if key is None or algorithm_of(key) != algorithm:
            raise Invalid("no key of the gateway has this kid and alg")
        try:
            deserialize_compact(assertion, key, registry=self._registry)
        except (JoseError, ValueError, TypeError) as exc:
            raise Invalid("the signature does not hold") from exc

    def _check_claims(self, claims: Mapping[str, object]) -> None:
        now = self._clock()
        if claims.get("iss") != self._issuer:
            raise Invalid("iss is another gateway")
        if claims.get("aud") != self._audience:
            raise Invalid("aud is another app")
        for name in ("sub", "jti"):
            if not isinstance(value := claims.get(name), str) or not value:
                raise Invalid(f"{name} is missing")
        issued, expires = _instant(claims, "iat"), _instant(claims, "exp")
        if issued > now + SKEW:
            raise Invalid("iat lies ahead")
        if not issued < expires <= issued + LONGEST_LIFE:
            raise Invalid("exp is not within reach of iat")
        if now >= expires + self._leeway:
            raise Invalid("expired")
        if "nbf" in claims and _instant(claims, "nbf") > now + SKEW:
            raise Invalid("nbf lies ahead")


def _instant(claims: Mapping[str, object], name: str) -> int:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 2**53:
        raise Invalid(f"{name} is not a time")
    return value


def _keys(
    jwks: Mapping[str, object] | None, jwks_url: str | None, clock: Callable[[], float]
) -> GivenKeys | FetchedKeys:
    if jwks is not None and jwks_url is None:
        return GivenKeys(jwks)
    if jwks_url is not None and jwks is None:
        return FetchedKeys(jwks_url, clock=clock)
    raise ValueError("give either jwks or jwks_url")


class _Registry(JWSRegistry):
    """The algorithms of our configuration; EdDSA without a warning that it is now called Ed25519."""

    def get_alg(self, name: str) -> JWSAlgModel:
        """Return the algorithm; `verify` has already compared its name with the configuration."""
        return self.algorithms[name]

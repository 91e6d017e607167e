"""Which key signs assertions, which the requests of which upstream, and what of the keys is published."""

from collections.abc import Iterable, Mapping

from gateway.errors import Fault, SettingsInvalid
from gateway.keys.keyring import KeyRing
from gateway.keys.request_keys import Ed25519Key, SharedKey
from gateway.keys.signing import SigningKey, SigningKeyRefused, SigningKeys, given
from gateway.model.route import RequestAlgorithm, Route
from gateway.model.upstream import Upstream
from gateway.settings.schema import Settings


class RequestKeys:
    """The keys of one configuration: *given* are shared keys by the name of their upstream."""

    def __init__(self, ring: KeyRing, *, given: Mapping[str, bytes]) -> None:
        self._ring = ring
        self._given = {name: SharedKey(secret) for name, secret in given.items()}
        self._public = ring.ed25519_keys()

    def current(self, algorithm: RequestAlgorithm, upstream: Upstream) -> SharedKey | Ed25519Key:
        """Return the key that signs requests to *upstream* now."""
        if algorithm is RequestAlgorithm.ED25519:
            return self._public[0]
        return self.shared(upstream)[0]

    def shared(self, upstream: Upstream) -> tuple[SharedKey, ...]:
        """Return the keys that *upstream* has to know: the one that signs now, and those before it."""
        given = self._given.get(upstream.name)
        return self._ring.shared_keys(upstream.audience) if given is None else (given,)

    def published(self, routes: Iterable[Route]) -> tuple[Ed25519Key, ...]:
        """Return the keys whose public halves are told to everybody: none where no route uses them."""
        used = any(route.identity.signature is RequestAlgorithm.ED25519 for route in routes)
        return self._public if used else ()


class Published:
    """The public keys of one configuration: those of assertions, then those of requests."""

    def __init__(self, assertions: SigningKeys, requests: Iterable[Ed25519Key]) -> None:
        self._assertions = assertions
        self._requests = tuple(requests)

    def jwks(self) -> dict[str, object]:
        """Return them as a JWK set (RFC 7517, section 5)."""
        return {"keys": [*self._assertions.public(), *(dict(key.jwk) for key in self._requests)]}

    def pem(self) -> str:
        """Return the same keys, in the same order, as PEM."""
        return self._assertions.pem() + "".join(key.pem() for key in self._requests)


def signing_keys(settings: Settings, ring: KeyRing) -> SigningKeys:
    """Return the keys that sign assertions: those of *settings*, then those made of the ring, which go on
    being published for what they signed. Raises SettingsInvalid."""
    return ring.signing_keys().after(assertion_keys(settings))


def assertion_keys(settings: Settings) -> tuple[SigningKey, ...]:
    """Return the keys that *settings* give for assertions. Raises SettingsInvalid."""
    pems = settings.identity.assertion_keys
    return tuple(_given(pem.get_secret_value(), index) for index, pem in enumerate(pems))


def _given(pem: str, index: int) -> SigningKey:
    try:
        return given(pem)
    except SigningKeyRefused as refused:
        raise SettingsInvalid(
            [Fault(key=f"identity.assertion_keys[{index}]", message=str(refused))]
        ) from refused


def request_keys(settings: Settings, ring: KeyRing) -> RequestKeys:
    """Return the keys that *settings* ask for."""
    given = {name: each.signature_key for name, each in settings.upstreams.items()}
    return RequestKeys(ring, given={name: key for name, key in given.items() if key is not None})

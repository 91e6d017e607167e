"""Keys that a provider's preset cannot do without, as they are written in gateway.toml."""

import json

from tests.fakes.client_keys import pem

APPLE_KEY = "ABC123DEFG"
PROJECT = "230450912345678901"


def signing(kind: str, **more: str) -> str:
    """Return `keys` with one of *kind* that signs."""
    written = ", ".join(f"{name} = {json.dumps(value)}" for name, value in {"key": pem(kind), **more}.items())
    return f"keys = [{{ {written} }}]"


def secrets(preset: str) -> str:
    """Return how the gateway proves to the issuer of *preset* who it is."""
    if preset == "apple":
        return signing("P-256", kid=APPLE_KEY)
    if preset == "login.gov":
        return signing("RSA2048", alg="RS256")
    return 'client_secret = "s"'

"""Private keys of a client, in PEM."""

import warnings
from functools import cache

from joserfc.jwk import ECKey, OKPKey, RSAKey


@cache
def pem(kind: str = "P-256") -> str:
    """Return the key of *kind*: a curve, or `RSA` with its bits, such as `RSA2048`."""
    if kind.startswith("RSA"):
        with warnings.catch_warnings(action="ignore"):  # of short ones, which are wanted here
            return RSAKey.generate_key(int(kind[3:])).as_pem(private=True).decode()
    if kind.startswith("P-") or kind == "secp256k1":
        return ECKey.generate_key(kind).as_pem(private=True).decode()
    return OKPKey.generate_key(kind).as_pem(private=True).decode()

"""The certificate of the public port, as far as we look into it ourselves."""

from pathlib import Path

from cryptography.x509 import load_pem_x509_certificates


def expires_at(file: str) -> float:
    """Return the end, in Unix seconds, of the first certificate in the PEM *file*, which is the server's.

    Raises OSError or ValueError where there is none.
    """
    return load_pem_x509_certificates(Path(file).read_bytes())[0].not_valid_after_utc.timestamp()

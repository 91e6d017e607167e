"""Certificates as operators keep them: files in a folder, made anew for each test."""

from pathlib import Path

import trustme


def write_certificates(folder: Path) -> trustme.CA:
    """Write an authority, and a certificate of its with the key, under the names of our examples."""
    folder.mkdir()
    authority = trustme.CA()
    ours = authority.issue_cert("gateway.example.com")
    for name in ("internal-ca.pem", "clients-ca.pem"):
        authority.cert_pem.write_to_path(folder / name)
    ours.cert_chain_pems[0].write_to_path(folder / "gateway.pem")
    ours.private_key_pem.write_to_path(folder / "gateway.key")
    (folder / "gateway.key").chmod(0o600)
    return authority

"""Redis servers that speak TLS: an authority, a certificate for the servers, one for us."""

from dataclasses import dataclass
from pathlib import Path

import trustme


@dataclass(frozen=True, slots=True, kw_only=True)
class Papers:
    """Files in one folder, all vouched for by one authority."""

    folder: Path

    @property
    def ca(self) -> Path:
        return self.folder / "ca.pem"

    @property
    def client_cert(self) -> Path:
        return self.folder / "client.pem"

    @property
    def client_key(self) -> Path:
        return self.folder / "client.key"

    def table(self, *, client: bool = False) -> str:
        """Return the TOML of `redis.tls`."""
        files = {"ca": self.ca}
        if client:
            files |= {"client_cert": self.client_cert, "client_key": self.client_key}
        said = ", ".join(f'{name} = "{path}"' for name, path in files.items())
        return f"tls = {{ {said} }}"

    def words(self, port: int, *, clients: bool = False) -> tuple[str, ...]:
        """Return what a server is told so that it speaks TLS at *port*; *clients* must prove who they are."""
        told = {
            "tls-port": str(port),
            "tls-cert-file": str(self.folder / "server.pem"),
            "tls-key-file": str(self.folder / "server.key"),
            "tls-ca-cert-file": str(self.ca),
            "tls-auth-clients": "yes" if clients else "no",
            "tls-replication": "yes",
            "tls-cluster": "yes",
        }
        return tuple(word for name, value in told.items() for word in (f"--{name}", value))


def papers(folder: Path) -> Papers:
    """Make an authority and what it vouches for."""
    folder.mkdir(parents=True)
    made = Papers(folder=folder)
    authority = trustme.CA()
    authority.cert_pem.write_to_path(made.ca)
    for name, host in (("server", "127.0.0.1"), ("client", "gateway.example.com")):
        issued = authority.issue_cert(host)
        issued.cert_chain_pems[0].write_to_path(folder / f"{name}.pem")
        issued.private_key_pem.write_to_path(folder / f"{name}.key")
    return made

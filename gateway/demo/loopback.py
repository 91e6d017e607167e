"""The demo asks nobody for a password, so nobody but this machine may reach it."""

from ipaddress import ip_address

NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})


def require_loopback(host: str) -> None:
    """Raise `ValueError` unless *host* is an address of this machine alone."""
    try:
        loopback = ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise ValueError(f"the demo listens on a loopback address only, not on {host!r}")


def names_loopback(authority: str) -> bool:
    """Say whether a `Host` names this machine: a page elsewhere cannot have resolved its way here."""
    name, _, port = authority.rpartition(":")
    return (name if port.isdigit() and name else authority).lower() in NAMES

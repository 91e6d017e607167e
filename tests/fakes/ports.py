"""Loopback ports that nobody uses."""

import itertools
import os
import random
import socket

FIRST, BEYOND = 12_000, 32_000
"""Below what a system gives to whoever asks for any port (32768 on Linux): there a number that was free a
moment ago may be another test's by now."""
SHARES = 16


def _share() -> list[int]:
    """Return the ports of this worker of a test run, from anywhere on: other runs may be under way."""
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % SHARES
    ports = list(range(FIRST + number, BEYOND, SHARES))
    start = random.SystemRandom().randrange(len(ports))
    return ports[start:] + ports[:start]


_ports = itertools.cycle(_share())


def listening_socket(port: int = 0) -> socket.socket:
    """A socket already bound to a free port, or to *port*: nobody can take it before the server does."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except OSError:
        listener.close()
        raise
    return listener


def free_port() -> int:
    """A port for programs that can only be told a number: free, and named to no other test of this run."""
    for port in itertools.islice(_ports, BEYOND - FIRST):
        try:
            listening_socket(port).close()
        except OSError:
            continue
        return port
    raise AssertionError("no port is free")

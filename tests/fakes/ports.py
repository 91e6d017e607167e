"""Loopback ports that nobody uses."""

import socket


def listening_socket() -> socket.socket:
    """A socket already bound to a free port: nobody can take it before the server does."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", 0))
    return listener


def free_port() -> int:
    """A port that was free a moment ago, for programs that can only be told a number."""
    with listening_socket() as listener:
        port: int = listener.getsockname()[1]
        return port

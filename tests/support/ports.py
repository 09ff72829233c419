"""Ports for services that come and go: the system gives none of them to others while a service is away."""

import random
import socket

LOWEST, HIGHEST = 20_000, 32_000
"""Below those from which the system takes the ports of outgoing connections and of listeners on port 0."""


def two_ports() -> list[int]:
    """Two ports of loopback, one after the other, on which nobody listens now."""
    while True:
        port = random.randrange(LOWEST, HIGHEST)
        if all(_is_free(each) for each in (port, port + 1)):
            return [port, port + 1]


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True

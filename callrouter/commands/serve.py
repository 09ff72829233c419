"""``callrouter serve``."""

import argparse
import socket
import sys
from collections.abc import Mapping

from callrouter import server
from callrouter.commands.configuration import read_configuration
from callrouter.commands.workers import serve_many
from callrouter.domain.clock import SystemClock


def run(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Serve until told to stop."""
    configuration = read_configuration(environ)
    last = arguments.port + arguments.workers - 1
    if last > 65_535:
        sys.stderr.write(f"callrouter: {arguments.workers} workers from port {arguments.port} pass port 65535\n")
        return 2
    for port in range(arguments.port, last + 1):
        why = _why_not(arguments.host, port)
        if why is not None:
            sys.stderr.write(f"callrouter: cannot listen on {arguments.host} port {port}: {why}\n")
            return 1
    if arguments.workers > 1:
        secrets = configuration.settings.secrets
        return serve_many(arguments.host, arguments.port, arguments.workers, SystemClock(), secrets)
    return server.serve(configuration.settings, environ, arguments.host, arguments.port)


def _why_not(host: str, port: int) -> str | None:
    """Why this address cannot be listened on; asked beforehand, for a clear message."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        return (error.strerror or "not an address of this machine").lower()
    return None

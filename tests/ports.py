"""Ports of this machine at which nobody listens."""

from __future__ import annotations

import socket


def free_port() -> int:
    """Return a port that was free a moment ago: for a server that a test starts, or for an address that must not answer."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])

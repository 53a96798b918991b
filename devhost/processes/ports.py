"""Loopback ports of servers: chosen where no client is given one, and held while nobody listens."""

import random
import socket
import sys
from pathlib import Path

_LOWEST = 15000
_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
"""From which the kernel gives ports to outgoing connections, and to servers that ask for any."""
_USUAL = 32768
"""Where that range begins unless somebody changed it."""
_TRIES = 100


def free_port() -> int:
    """A port that is neither taken nor held now, and that no outgoing connection gets later."""
    reserved = range(_LOWEST, _first_of_clients())
    for port in random.sample(reserved, k=min(_TRIES, len(reserved))):
        if _can_bind(port, again=False):
            return port
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def port_is_free(port: int) -> bool:
    """True when a server could listen on this port now."""
    return _can_bind(port, again=True)


def hold_port(port: int) -> socket.socket | None:
    """Keep a port for a server that starts later, or again, until the socket is closed.

    The socket never listens: clients are refused while the server is away. Linux lets the server
    bind beside it as long as both allow the address again, as servers do; elsewhere None.

    Raises:
        OSError: Somebody listens at it.
    """
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        held.bind(("127.0.0.1", port))
    except OSError:
        held.close()
        raise
    if sys.platform != "linux":
        held.close()
        return None
    return held


def _first_of_clients() -> int:
    return int(_RANGE.read_text().split()[0]) if _RANGE.exists() else _USUAL


def _can_bind(port: int, *, again: bool) -> bool:
    """``again`` allows an address whose last connections the kernel still remembers."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, again)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True

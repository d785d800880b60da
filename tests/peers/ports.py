"""Ports for programs that cannot be given port 0, because nobody can ask them which one they took."""

from __future__ import annotations

import os
import random
import socket

__all__ = ["free_pair", "free_port"]

# Below the range from which Linux takes the ports of outgoing connections (32768 and above), so that no
# passing connection sits on a port between our asking and the program's binding.
_FIRST, _LAST = 20_000, 32_000
_draw = random.Random(os.getpid() ^ int.from_bytes(os.urandom(4)))
_given: set[int] = set()


def free_port(host: str = "127.0.0.1") -> int:
    """A port on which nothing listens, TCP or UDP, given only once by this process.

    Another process may still be faster; whoever starts a program on it watches whether it stays up.
    """
    while True:
        port = _draw.randrange(_FIRST, _LAST)
        if port not in _given and _is_free(host, port):
            _given.add(port)
            return port


def free_pair(host: str = "127.0.0.1") -> int:
    """The first of two such ports in a row."""
    while True:
        port = free_port(host)
        if port + 1 not in _given and _is_free(host, port + 1):
            _given.add(port + 1)
            return port


def _is_free(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(family, kind) as probe:
            try:
                probe.bind((host, port))
            except OSError:
                return False
    return True

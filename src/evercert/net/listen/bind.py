"""A port on several addresses, or the reason why it cannot be had, in words that help."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections.abc import Callable, Sequence
from contextlib import ExitStack

from evercert.base.errors import EvercertError
from evercert.base.foreign import one_line
from evercert.net.listen.holder import holder_of

__all__ = ["Listener"]

# A CA validates from several places at once, and a thousand orders may be proved at once.
_BACKLOG = 1024
# What an address of a family that this machine does not have fails with.
_NO_FAMILY = frozenset({errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL})
_HIGHEST_PRIVILEGED = 1023
_DRAWS = 8


class Listener:
    """One port on all of its addresses, served by one protocol. Owns the sockets."""

    def __init__(self, protocol: Callable[[], asyncio.BaseProtocol]) -> None:
        self._protocol = protocol
        self._servers: list[asyncio.Server] = []

    async def start(self, addresses: Sequence[str], port: int) -> int:
        """Afterwards connections are accepted on *port* (0: any that is free everywhere) of all *addresses*;
        the port. `::` is passed over where the machine has no IPv6, if there is another address.

        Raises `port`, and then nothing listens.
        """
        sockets = _bound(addresses, port)
        loop = asyncio.get_running_loop()
        for each in sockets:
            self._servers.append(await loop.create_server(self._protocol, sock=each, backlog=_BACKLOG))
        return int(sockets[0].getsockname()[1])

    def close(self) -> None:
        """Afterwards the port is free; what is connected stays. Idempotent."""
        for server in self._servers:
            server.close()
        self._servers.clear()


def _bound(addresses: Sequence[str], port: int) -> list[socket.socket]:
    for _ in range(_DRAWS):
        try:
            return _bound_once(addresses, port)
        except EvercertError as error:
            # A port that was free on one address may be taken on the next: draw another.
            if port or not _is_taken(error):
                raise
    raise EvercertError("port", f"no port is free on all of {', '.join(addresses)}")


def _is_taken(error: EvercertError) -> bool:
    return isinstance(error.__cause__, OSError) and error.__cause__.errno == errno.EADDRINUSE


def _bound_once(addresses: Sequence[str], port: int) -> list[socket.socket]:
    with ExitStack() as unless_all:
        sockets: list[socket.socket] = []
        for address in addresses:
            try:
                sockets.append(unless_all.enter_context(_bind(address, port)))
            except OSError as error:
                if address == "::" and error.errno in _NO_FAMILY and len(addresses) > 1:
                    continue
                raise _cannot(address, port, error) from error
            port = sockets[0].getsockname()[1]
        if not sockets:
            raise EvercertError("port", f"there is no address to open port {port} on")
        unless_all.pop_all()
        return sockets


def _bind(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        # Connections of a run just before, in TIME_WAIT, do not keep the port; a live listener does.
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        bound.setblocking(False)
        bound.bind((address, port))
        # Before anybody is told of the port: two may bind it (SO_REUSEADDR), only one may listen.
        bound.listen(_BACKLOG)
    except BaseException:
        bound.close()
        raise
    return bound


def _cannot(address: str, port: int, error: OSError) -> EvercertError:
    place = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
    number = error.errno or 0
    words = os.strerror(number) if number > 0 else one_line(str(error))
    return EvercertError("port", f"cannot listen on {place}: {words.lower()}", hint=_hint(port, number))


def _hint(port: int, number: int) -> str:
    if number == errno.EADDRINUSE:
        holder = holder_of(port)
        return f"{holder or 'another program'} has port {port}: stop it meanwhile, or let it answer for us"
    if number == errno.EACCES and port <= _HIGHEST_PRIVILEGED:
        return f"port {port} needs root or CAP_NET_BIND_SERVICE, or forward it to a higher port and name that one"
    if number == errno.EADDRNOTAVAIL:
        return "this machine does not have that address"
    return ""

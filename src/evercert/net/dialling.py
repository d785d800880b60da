"""A socket to the first of a server's addresses that takes it (RFC 8305)."""

from __future__ import annotations

import asyncio
import socket
from typing import Any, Final

__all__ = ["dialled"]

# §5: how long the next address waits for the one before it.
_NEXT: Final = 0.25
# More addresses than any server has that is not meant to tire us.
_MOST: Final = 16

_Address = tuple[int, int, int, str, Any]


async def dialled(host: str, port: int, family: int) -> socket.socket:
    """A connected socket, the caller's to close. Raises OSError: of the first address, where all fail."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM)
    addresses = _alternating(found)[:_MOST]
    if len(addresses) == 1:
        return await _dial(addresses[0])
    return await _race(addresses)


async def _race(addresses: list[_Address]) -> socket.socket:
    attempts: list[asyncio.Task[socket.socket]] = []
    try:
        for address in addresses:
            attempts.append(asyncio.create_task(_dial(address)))
            if winner := await _winner(attempts, _NEXT):
                return attempts.pop(attempts.index(winner)).result()
        while any(not attempt.done() for attempt in attempts):
            if winner := await _winner(attempts, None):
                return attempts.pop(attempts.index(winner)).result()
        return attempts[0].result()
    finally:
        for attempt in attempts:
            attempt.cancel()
            attempt.add_done_callback(_let_go)


async def _winner(
    attempts: list[asyncio.Task[socket.socket]], seconds: float | None
) -> asyncio.Task[socket.socket] | None:
    """The first attempt that is connected; waits for it no longer than that, or than until another one fails."""
    running = [attempt for attempt in attempts if not attempt.done()]
    if running:
        await asyncio.wait(running, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    return next((attempt for attempt in attempts if attempt.done() and not attempt.exception()), None)


def _let_go(attempt: asyncio.Task[socket.socket]) -> None:
    """Close what came too late."""
    if not attempt.cancelled() and not attempt.exception():
        attempt.result().close()


async def _dial(address: _Address) -> socket.socket:
    family, kind, protocol, _, where = address
    connection = socket.socket(family, kind, protocol)
    try:
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.get_running_loop().sock_connect(connection, where)
    except BaseException:
        connection.close()
        raise
    return connection


def _alternating(found: list[Any]) -> list[_Address]:
    """The families by turns, beginning with the one that the system prefers (§4)."""
    first = [each for each in found if each[0] == found[0][0]]
    others = [each for each in found if each[0] != found[0][0]]
    pairs = zip(first, others, strict=False)
    both = min(len(first), len(others))
    return [each for pair in pairs for each in pair] + first[both:] + others[both:]

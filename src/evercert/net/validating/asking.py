"""One exchange with a DNS server: a question or a few, over UDP, and over TCP what does not fit."""

from __future__ import annotations

import asyncio
import secrets
import socket
from collections.abc import Sequence
from typing import Final

from evercert.net.nameserver import NameServer, ask_over_tcp
from evercert.net.validating.message import Kind, Reply, Unreadable, question, read_reply

__all__ = ["exchange", "exchange_together"]

# As in `net.nameserver`.
_MAX_STRAY: Final = 64
_MAX_DATAGRAM: Final = 1500

_RANDOM: Final = secrets.SystemRandom()


async def exchange(server: NameServer, name: bytes, kind: Kind, *, edns: bool = True, unchecked: bool = False) -> Reply:
    """The whole answer (RFC 7766 §5). Unbounded in time. Raises OSError, EOFError, `Unreadable`."""
    number = secrets.randbits(16)
    wire = question(number, name, kind, edns=edns, unchecked=unchecked)
    reply = (await _over_udp(server, {(number, kind): wire}, name))[kind]
    if not reply.truncated:
        return reply
    return read_reply(await ask_over_tcp(server, wire), number, name, kind)


async def exchange_together(server: NameServer, name: bytes, kinds: Sequence[Kind]) -> dict[Kind, Reply]:
    """The answers to several questions for one name, perhaps truncated, for the price of little more than one."""
    # Distinct, so that an answer is to one of them alone; each as hard to guess as the only one of `exchange`.
    asked = zip(_RANDOM.sample(range(1 << 16), len(kinds)), kinds, strict=True)
    return await _over_udp(server, {(number, kind): question(number, name, kind) for number, kind in asked}, name)


async def _over_udp(server: NameServer, wires: dict[tuple[int, Kind], bytes], name: bytes) -> dict[Kind, Reply]:
    # A connected socket of its own per exchange: the kernel drops what comes from elsewhere, and
    # the port is as hard to guess as the number (RFC 5452 §9).
    loop = asyncio.get_running_loop()
    family = socket.AF_INET6 if ":" in server.host else socket.AF_INET
    replies: dict[Kind, Reply] = {}
    with socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as asking:
        asking.connect((server.host, server.port))
        for wire in wires.values():
            asking.send(wire)
        for _ in range(_MAX_STRAY):
            data = await loop.sock_recv(asking, _MAX_DATAGRAM + 1)
            if len(data) <= _MAX_DATAGRAM:
                replies |= _read(data, wires, name)
            if len(replies) == len(wires):
                return replies
    raise EOFError("it sends what is no answer")


def _read(data: bytes, wires: dict[tuple[int, Kind], bytes], name: bytes) -> dict[Kind, Reply]:
    """What the datagram answers, if anything."""
    for number, kind in wires:
        if data[:2] == number.to_bytes(2):
            try:
                return {kind: read_reply(data, number, name, kind)}
            except Unreadable:
                break
    return {}

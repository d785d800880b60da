"""One exchange with a DNS server: a question or a few, over UDP, and over TCP what does not fit."""

from __future__ import annotations

import asyncio
import secrets
import socket
import struct
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from evercert.net.nameserver import NameServer, ask_over_tcp
from evercert.net.validating.message import Kind, Reply, Unreadable, question, read_reply

__all__ = ["Question", "exchange", "exchange_together"]

# As in `net.nameserver`.
_MAX_STRAY: Final = 64
_MAX_DATAGRAM: Final = 1500
# A number, because to join two members of an enumeration costs more than the system call.
_UNBLOCKED: Final = int(socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)

# A name (in wire form) and what is asked of it.
Question = tuple[bytes, Kind]


async def exchange(server: NameServer, name: bytes, kind: Kind, *, edns: bool = True, unchecked: bool = False) -> Reply:
    """The whole answer (RFC 7766 §5). Unbounded in time. Raises OSError, EOFError, `Unreadable`."""
    number = secrets.randbits(16)
    wire = question(number, name, kind, edns=edns, unchecked=unchecked)
    replies: dict[Question, Reply] = {}
    await _over_udp(server, {number: ((name, kind), wire)}, replies)
    reply = replies[name, kind]
    if not reply.truncated:
        return reply
    return read_reply(await ask_over_tcp(server, wire), number, name, kind)


async def exchange_together(server: NameServer, questions: Sequence[Question], replies: dict[Question, Reply]) -> None:
    """Several questions for the price of little more than one: *replies* has the answer to each, perhaps truncated,
    as it comes, so that those are not lost with one that is not answered."""
    numbered = zip(_numbers(len(questions)), questions, strict=True)
    await _over_udp(server, {number: (asked, question(number, *asked)) for number, asked in numbered}, replies)


def _numbers(count: int) -> Sequence[int]:
    """Distinct, so that an answer is to one question alone; each as hard to guess as the only one of `exchange`."""
    while True:
        numbers: tuple[int, ...] = struct.unpack(f"!{count}H", secrets.token_bytes(2 * count))
        if len(set(numbers)) == count:
            return numbers


async def _over_udp(
    server: NameServer, wires: dict[int, tuple[Question, bytes]], replies: dict[Question, Reply]
) -> None:
    if not wires:
        return
    # A connected socket of its own per exchange: the kernel drops what comes from elsewhere, and
    # the port is as hard to guess as the number (RFC 5452 §9).
    loop = asyncio.get_running_loop()
    family = socket.AF_INET6 if ":" in server.host else socket.AF_INET
    with socket.socket(family, _UNBLOCKED) as asking:
        asking.connect((server.host, server.port))
        for _, wire in wires.values():
            asking.send(wire)
        listening = _Listening(asking, wires, replies, loop.create_future())
        # Once for all answers: `sock_recv` makes itself known to the kernel, and takes itself back, for each datagram.
        loop.add_reader(asking, listening.read)
        try:
            await listening.whole
        finally:
            loop.remove_reader(asking)


@dataclass(slots=True)
class _Listening:
    """Takes what comes until every question has its answer; then `whole` is done, or has why that will not be."""

    asking: socket.socket
    wires: dict[int, tuple[Question, bytes]]
    replies: dict[Question, Reply]
    whole: asyncio.Future[None]
    patience: int = _MAX_STRAY

    def read(self) -> None:
        """Takes all that has come by now."""
        try:
            while not self.whole.done():
                self._take(self.asking.recv(_MAX_DATAGRAM + 1))
        except BlockingIOError:
            return
        except OSError as error:
            self.whole.set_exception(error)

    def _take(self, data: bytes) -> None:
        number = int.from_bytes(data[:2])
        if len(data) <= _MAX_DATAGRAM and number in self.wires:
            asked, _ = self.wires[number]
            with suppress(Unreadable):
                self.replies[asked] = read_reply(data, number, *asked)
        self.patience -= 1
        if len(self.replies) == len(self.wires):
            self.whole.set_result(None)
        elif not self.patience:
            self.whole.set_exception(EOFError("it sends what is no answer"))

"""The CA's resolvers: what they answer, and how sure they are of it."""

from __future__ import annotations

import asyncio
import ipaddress
import secrets
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from evercert.base.errors import EvercertError
from evercert.base.foreign import one_line
from evercert.base.probe import Looked, Outcome
from evercert.net.nameserver import NameServer, ask_over_tcp, configured_servers
from evercert.net.question import fault_of
from evercert.net.validating.message import Kind, Reply, Unreadable, question, read_reply, wire_name

__all__ = ["Resolvers"]

# A lost datagram is no answer; a second one is.
_ROUNDS: Final = 2
# As in `net.nameserver`.
_MAX_STRAY: Final = 64
_MAX_DATAGRAM: Final = 1500
# Aliases that the resolver left to us; those that resolve give up between eight and sixteen.
_MAX_STEPS: Final = 8

_NO_ERROR, _FORMAT_ERROR, _SERVER_FAILURE, _NO_NAME, _NOT_IMPLEMENTED, _REFUSED, _BAD_VERSION = 0, 1, 2, 3, 4, 5, 16
_RCODES: Final = {
    _FORMAT_ERROR: "FORMERR",
    _SERVER_FAILURE: "SERVFAIL",
    _NOT_IMPLEMENTED: "NOTIMP",
    _REFUSED: "REFUSED",
}
# RFC 8914 §4.7 to §4.13: what a validating resolver says of signatures that are wrong, too old, or missing.
_BOGUS: Final = frozenset(range(6, 13))


@dataclass(frozen=True, slots=True)
class _Said:
    """What one server said, or what was wrong with that."""

    outcome: Outcome
    reply: Reply | None = None
    fault: str = ""


class Resolvers:
    """Asks *servers* (by default those of /etc/resolv.conf, as it is at that time) in their order, for `Looked`.

    A server that fails is passed over; one that is silent is asked twice, within *timeout* seconds. Nothing is kept
    between questions. Safe to use from many tasks at once.
    """

    def __init__(self, servers: Sequence[str] = (), timeout: float = 5.0) -> None:
        self._servers = [_server(server) for server in servers]
        self._timeout = timeout

    async def look_up(self, name: str, kind: Kind) -> Looked[Any]:
        """The records at the end of the aliases that start at *name*; never raises."""
        authentic = True
        try:
            wire = wire_name(name)
        except Unreadable:
            return Looked(Outcome.NO_NAME, fault="the name is no DNS name")
        for _ in range(_MAX_STEPS):
            server, said = await self._ask(wire, kind)
            if said.reply is None:
                return Looked(said.outcome, server=server, fault=said.fault)
            authentic = authentic and said.reply.authentic
            if said.reply.records or said.reply.end == wire or said.outcome is Outcome.NO_NAME or said.reply.says_none:
                return Looked(said.outcome, said.reply.records, authentic, server)
            wire = said.reply.end
        return Looked(Outcome.FAILED, server=server, fault=f"more than {_MAX_STEPS} aliases in a row")

    async def _ask(self, name: bytes, kind: Kind) -> tuple[str, _Said]:
        """The first usable answer, else the last fault with all servers named in it."""
        faults: dict[str, str] = {}
        silent = self._servers or configured_servers()
        last = _Said(Outcome.SILENT)
        for _ in range(_ROUNDS):
            asked, silent = silent, []
            for server in asked:
                last = await self._said_by(server, name, kind)
                if last.reply is not None:
                    return str(server), last
                faults[str(server)] = last.fault
                silent += [server] if last.outcome is Outcome.SILENT else []
        fault = "; ".join(f"DNS server {server} {fault}" for server, fault in faults.items())
        return next(reversed(faults), ""), _Said(last.outcome, fault=fault)

    async def _said_by(self, server: NameServer, name: bytes, kind: Kind) -> _Said:
        timeout = self._timeout / _ROUNDS
        try:
            async with asyncio.timeout(timeout):
                return await _judged(server, name, kind)
        except (OSError, EOFError, TimeoutError, Unreadable) as error:
            return _Said(Outcome.SILENT, fault=fault_of(error, timeout))


def _server(text: str) -> NameServer:
    server = NameServer.parse(text)
    try:
        ipaddress.ip_address(server.host)
    except ValueError:
        hint = "write an address, or address:port"
        raise EvercertError(
            "bad-input", f"{one_line(text, 60)!r} is not the address of a DNS server", hint=hint
        ) from None
    return server


async def _judged(server: NameServer, name: bytes, kind: Kind) -> _Said:
    reply = await _exchange(server, name, kind)
    # RFC 6891 §7: a server that knows no EDNS says so, and is asked again without.
    if reply.rcode in {_FORMAT_ERROR, _NOT_IMPLEMENTED, _BAD_VERSION}:
        reply = await _exchange(server, name, kind, edns=False)
    if reply.rcode == _NO_ERROR:
        return _Said(Outcome.FOUND if reply.records else Outcome.NO_DATA, reply)
    if reply.rcode == _NO_NAME:
        return _Said(Outcome.NO_NAME, reply)
    if reply.rcode == _SERVER_FAILURE and await _is_bogus(server, name, kind, reply):
        return _Said(Outcome.BOGUS, fault="finds the answer's DNSSEC signatures wrong")
    return _Said(Outcome.FAILED, fault=f"answered {_RCODES.get(reply.rcode, 'an error')}")


async def _is_bogus(server: NameServer, name: bytes, kind: Kind, reply: Reply) -> bool:
    """Whether the failure is of signatures: it says so, or it goes away without the checks (RFC 4035 §3.2.2)."""
    if _BOGUS.intersection(reply.reasons):
        return True
    try:
        unchecked = await _exchange(server, name, kind, unchecked=True)
    except (OSError, EOFError, Unreadable):
        return False
    return unchecked.rcode in {_NO_ERROR, _NO_NAME}


async def _exchange(
    server: NameServer, name: bytes, kind: Kind, *, edns: bool = True, unchecked: bool = False
) -> Reply:
    """Over UDP, or over TCP where the answer did not fit (RFC 7766 §5). Unbounded in time."""
    number = secrets.randbits(16)
    wire = question(number, name, kind, edns=edns, unchecked=unchecked)
    reply = await _over_udp(server, wire, number, name, kind)
    if not reply.truncated:
        return reply
    return read_reply(await ask_over_tcp(server, wire), number, name, kind)


async def _over_udp(server: NameServer, wire: bytes, number: int, name: bytes, kind: Kind) -> Reply:
    # A connected socket of its own per question: the kernel drops what comes from elsewhere, and
    # the port is as hard to guess as the number (RFC 5452 §9).
    loop = asyncio.get_running_loop()
    family = socket.AF_INET6 if ":" in server.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as asking:
        asking.connect((server.host, server.port))
        asking.send(wire)
        for _ in range(_MAX_STRAY):
            data = await loop.sock_recv(asking, _MAX_DATAGRAM + 1)
            if len(data) > _MAX_DATAGRAM:
                continue
            try:
                return read_reply(data, number, name, kind)
            except Unreadable:
                continue
    raise EOFError("it sends what is no answer")

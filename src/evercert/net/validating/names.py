"""The CA's resolvers: what they answer, and how sure they are of it."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from evercert.base.errors import EvercertError
from evercert.base.foreign import one_line
from evercert.base.probe import Looked, Outcome
from evercert.net import failures
from evercert.net.nameserver import NameServer, configured_servers
from evercert.net.question import fault_of
from evercert.net.validating.asking import Question, exchange, exchange_together
from evercert.net.validating.message import Kind, Reply, Unreadable, wire_name

__all__ = ["Resolvers"]

# A lost datagram is no answer; a second one is.
_ROUNDS: Final = 2
# Aliases that the resolver left to us; those that resolve give up between eight and sixteen.
_MAX_STEPS: Final = 8
# Sockets: a process may have 1024 files, as a rule, and the CA's clients want some.
_AT_ONCE: Final = 256

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

    def __init__(self, servers: Sequence[str] = (), timeout: float = 5.0, *, at_once: int = _AT_ONCE) -> None:
        self._servers = [_server(server) for server in servers]
        self._timeout = timeout
        self._room = asyncio.Semaphore(at_once)

    async def addresses(self, name: str) -> tuple[Looked[str], Looked[str]]:
        """What `look_up` says for AAAA and for A."""
        ipv6, ipv4 = await self.look_up_all([(name, Kind.AAAA), (name, Kind.A)])
        return ipv6, ipv4

    async def look_up_all(self, wanted: Sequence[tuple[str, Kind]]) -> list[Looked[Any]]:
        """What `look_up` says for each. They are asked together first, so a few at once; what has no plain answer then
        is asked as everything else is."""
        plain = await self._together(wanted)
        if rest := [each for each in wanted if each not in plain]:
            plain |= zip(rest, await asyncio.gather(*(self.look_up(*each) for each in rest)), strict=True)
        return [plain[each] for each in wanted]

    async def _together(self, wanted: Sequence[tuple[str, Kind]]) -> dict[tuple[str, Kind], Looked[Any]]:
        """What has a plain answer of the first server."""
        server = (self._servers or configured_servers())[0]
        asked: dict[Question, tuple[str, Kind]] = {}
        for name, kind in wanted:
            with suppress(Unreadable):
                asked[wire_name(name), kind] = (name, kind)
        replies: dict[Question, Reply] = {}
        with suppress(OSError, EOFError, TimeoutError):
            async with self._room, asyncio.timeout(self._timeout / _ROUNDS):
                await exchange_together(server, tuple(asked), replies)
        return {asked[each]: _looked(reply, server) for each, reply in replies.items() if _is_plain(reply, each[0])}

    async def look_up(self, name: str, kind: Kind) -> Looked[Any]:
        """The records at the end of the aliases that start at *name*. Raises `internal` where this machine has no
        socket left to ask by."""
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
            if _is_end(said.reply, wire):
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
            async with self._room, asyncio.timeout(timeout):
                return await _judged(server, name, kind)
        except (OSError, EOFError, TimeoutError, Unreadable) as error:
            failures.blame_ourselves(error)
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


def _outcome(reply: Reply) -> Outcome:
    if reply.rcode == _NO_NAME:
        return Outcome.NO_NAME
    return Outcome.FOUND if reply.records else Outcome.NO_DATA


def _looked(reply: Reply, server: NameServer) -> Looked[Any]:
    return Looked(_outcome(reply), reply.records, reply.authentic, str(server))


def _is_plain(reply: Reply, name: bytes) -> bool:
    return not reply.truncated and reply.rcode in {_NO_ERROR, _NO_NAME} and _is_end(reply, name)


def _is_end(reply: Reply, name: bytes) -> bool:
    """Whether the server left no alias to us."""
    return bool(reply.records) or reply.end == name or reply.rcode == _NO_NAME or reply.says_none


async def _judged(server: NameServer, name: bytes, kind: Kind) -> _Said:
    reply = await exchange(server, name, kind)
    # RFC 6891 §7: a server that knows no EDNS says so, and is asked again without.
    if reply.rcode in {_FORMAT_ERROR, _NOT_IMPLEMENTED, _BAD_VERSION}:
        reply = await exchange(server, name, kind, edns=False)
    if reply.rcode in {_NO_ERROR, _NO_NAME}:
        return _Said(_outcome(reply), reply)
    if reply.rcode == _SERVER_FAILURE and await _is_bogus(server, name, kind, reply):
        return _Said(Outcome.BOGUS, fault="finds the answer's DNSSEC signatures wrong")
    return _Said(Outcome.FAILED, fault=f"answered {_RCODES.get(reply.rcode, 'an error')}")


async def _is_bogus(server: NameServer, name: bytes, kind: Kind, reply: Reply) -> bool:
    """Whether the failure is of signatures: it says so, or it goes away without the checks (RFC 4035 §3.2.2)."""
    if _BOGUS.intersection(reply.reasons):
        return True
    try:
        unchecked = await exchange(server, name, kind, unchecked=True)
    except (OSError, EOFError, Unreadable):
        return False
    return unchecked.rcode in {_NO_ERROR, _NO_NAME}

"""One name server: where it is, and one exchange with it (RFC 1035 §4.2, RFC 7766).

A datagram from anywhere can claim to be the answer: what does not answer our question is
passed over, and what does is bounded by its length.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Self

from evercert.base.errors import EvercertError
from evercert.base.foreign import one_line

if TYPE_CHECKING:
    from dns.message import QueryMessage

__all__ = ["NameServer", "ask", "ask_over_tcp", "configured_servers"]

_PORT = 53
# glibc looks at no more of them either.
_MAX_CONFIGURED = 3
# Whoever sends us more than this many wrong datagrams for one question is not answering it.
_MAX_STRAY = 64
# We offer 1232 octets; nobody needs more than Ethernet carries.
_MAX_DATAGRAM = 1500
# Measured: a name of 126 labels costs dnspython 5 ms in each record, so that 64 kB of them, which
# compress well, take it 26 s.
_MAX_RECORDS = 256

_Understand = Callable[[bytes], "QueryMessage | None"]


@dataclass(frozen=True, slots=True)
class NameServer:
    """A host (an address as a rule) and a port; as text `address`, `address:port` or `[v6]:port`."""

    host: str
    port: int = _PORT

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises `bad-input` for what is none of the three."""
        host, port = _split(text.strip())
        if not host or not port.isdecimal() or not 0 < int(port[:6]) < 1 << 16:
            raise EvercertError(
                "bad-input", f"{one_line(text, 60)!r} is no DNS server", hint="write an address, or address:port"
            )
        return cls(host, int(port))

    def __str__(self) -> str:
        if self.port == _PORT:
            return self.host
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def configured_servers(file: Path = Path("/etc/resolv.conf")) -> list[NameServer]:
    """The servers that this machine asks now; 127.0.0.1 where it names none, as resolv.conf(5) says."""
    try:
        is_now = file.stat()
    except OSError:
        return [NameServer("127.0.0.1")]
    return list(_named_in(file, is_now.st_ino, is_now.st_mtime_ns, is_now.st_size))


@lru_cache(maxsize=8)
def _named_in(file: Path, *version: int) -> Sequence[NameServer]:
    """What the file says in that version of it: reading it costs as much as a question to a server."""
    try:
        lines = file.read_text("ascii", errors="replace")[: 64 * 1024].splitlines()
    except OSError:
        lines = []
    words = [line.split() for line in lines]
    named = [NameServer(word[1]) for word in words if len(word) > 1 and word[0] == "nameserver"]
    return named[:_MAX_CONFIGURED] or [NameServer("127.0.0.1")]


async def ask(server: NameServer, query: QueryMessage, timeout: float) -> QueryMessage:
    """The server's answer: over UDP, or over TCP where it did not fit (RFC 7766 §5).

    Raises TimeoutError, OSError, or EOFError and `dns.exception.DNSException` for what is no DNS.
    """
    from dns.message import Truncated

    async with asyncio.timeout(timeout):
        try:
            return await _ask_over_udp(server, query.to_wire(), partial(_understood, query))
        except Truncated:
            data = await ask_over_tcp(server, query.to_wire())
            # The longest answers that we take keep the library busy for a second: not on the loop.
            reply = await asyncio.to_thread(_understood, query, data)
    if reply is None:
        raise EOFError("the answer is to another question")
    return reply


def _understood(query: QueryMessage, data: bytes) -> QueryMessage | None:
    """The answer that *data* is; None for an answer to something else. Raises `Truncated` if it was cut."""
    from dns.message import QueryMessage, Truncated, from_wire

    if sum(int.from_bytes(data[at : at + 2]) for at in (6, 8, 10)) > _MAX_RECORDS:
        raise EOFError("it has too many records")
    try:
        reply = from_wire(data, raise_on_truncation=True)
    except Truncated as truncated:
        # A forged one must not lead us away from the datagram that is the answer.
        if query.is_response(truncated.message()):  # type: ignore[no-untyped-call]  # the library left it out
            raise
        return None
    return reply if isinstance(reply, QueryMessage) and query.is_response(reply) else None


async def ask_over_tcp(server: NameServer, wire: bytes) -> bytes:
    """The whole answer, at most 65,535 octets. Unbounded in time: the caller bounds it."""
    reader, writer = await asyncio.open_connection(server.host, server.port)
    try:
        writer.write(len(wire).to_bytes(2) + wire)
        return await reader.readexactly(int.from_bytes(await reader.readexactly(2)))
    finally:
        writer.transport.abort()


async def _ask_over_udp(server: NameServer, wire: bytes, understand: _Understand) -> QueryMessage:
    # A connected socket of its own per question: the kernel drops what comes from elsewhere, and
    # the port is as hard to guess as the identifier (RFC 5452 §9).
    loop = asyncio.get_running_loop()
    answered: asyncio.Future[QueryMessage] = loop.create_future()
    transport, _ = await loop.create_datagram_endpoint(
        lambda: _Answer(answered, understand), remote_addr=(server.host, server.port)
    )
    try:
        transport.sendto(wire)
        return await answered
    finally:
        transport.abort()


class _Answer(asyncio.DatagramProtocol):
    """Waits for the datagram that is the answer."""

    def __init__(self, answered: asyncio.Future[QueryMessage], understand: _Understand) -> None:
        self._answered = answered
        self._understand = understand
        self._stray = 0

    def datagram_received(self, data: bytes, addr: object) -> None:
        from dns.exception import DNSException
        from dns.message import Truncated

        if self._answered.done():
            return
        try:
            reply = self._understand(data) if len(data) <= _MAX_DATAGRAM else None
        except Truncated as truncated:
            self._answered.set_exception(truncated)
            return
        except (DNSException, EOFError, ValueError):
            reply = None
        if reply is not None:
            self._answered.set_result(reply)
            return
        self._stray += 1
        if self._stray > _MAX_STRAY:
            self._answered.set_exception(EOFError("it sends what is no answer"))

    def error_received(self, exc: Exception) -> None:
        if not self._answered.done():
            self._answered.set_exception(exc)


def _split(text: str) -> tuple[str, str]:
    if text.startswith("["):
        host, closed, port = text[1:].partition("]")
        return host if closed else "", port.removeprefix(":") or str(_PORT)
    if text.count(":") > 1:
        return text, str(_PORT)
    host, _, port = text.partition(":")
    return host, port or str(_PORT)

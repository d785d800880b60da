"""One connection to one address, plain or behind TLS, without an event loop's transports.

A validation sends once and reads little, so a socket and three awaits do what transport, protocol and buffers do at
three times the price. Nobody's certificate is verified here: a validation proves a name, and has nothing to go by yet.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from functools import cache
from types import TracebackType
from typing import Final, Self

from evercert.base.probe import DialFailure
from evercert.net import failures

__all__ = ["Stream", "TlsStream", "place_of"]

_CHUNK: Final = 16 * 1024
# A number, because to join two members of an enumeration costs more than the system call.
_UNBLOCKED: Final = int(socket.SOCK_STREAM | socket.SOCK_NONBLOCK)


def place_of(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


class Stream:
    """Octets to and from *address*, which must be one and never a name. Unbounded in time but for the dial."""

    def __init__(self, address: str, port: int) -> None:
        self.place = place_of(address, port)
        self._where = (address, port)
        self._socket: socket.socket | None = None

    async def dial(self, timeout: float) -> None:
        """Raises `DialFailure`, and `internal` where this machine has no socket left."""
        family = socket.AF_INET6 if ":" in self._where[0] else socket.AF_INET
        try:
            self._socket = socket.socket(family, _UNBLOCKED)
            async with asyncio.timeout(timeout):
                await asyncio.get_running_loop().sock_connect(self._socket, self._where)
        except TimeoutError:
            failure = failures.timed_out(self.place, timeout)
            raise DialFailure("timeout", failure.message, hint=failure.hint) from None
        except OSError as error:
            failures.blame_ourselves(error)
            failure = failures.refused(self.place, error)
            raise DialFailure("unreachable", failure.message, hint=failure.hint) from error

    async def send(self, data: bytes) -> None:
        await asyncio.get_running_loop().sock_sendall(self._open, data)

    async def receive(self) -> bytes:
        """What has come; b"" where the peer has closed."""
        return await asyncio.get_running_loop().sock_recv(self._open, _CHUNK)

    def close(self) -> None:
        """Idempotent."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    @property
    def _open(self) -> socket.socket:
        if self._socket is None:
            raise OSError("the connection is closed")
        return self._socket

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class TlsStream:
    """TLS over a stream that has been dialled."""

    def __init__(self, stream: Stream, server_name: str, protocols: tuple[str, ...]) -> None:
        self._stream = stream
        self._received, self._to_send = ssl.MemoryBIO(), ssl.MemoryBIO()
        # An empty name is none: nothing is said about whom we want.
        self.session = _context(protocols).wrap_bio(self._received, self._to_send, server_hostname=server_name or None)

    async def shake_hands(self) -> None:
        """Raises `NetworkFailure` (`tls`)."""
        while True:
            try:
                self.session.do_handshake()
            except ssl.SSLWantReadError:
                await self._flush()
                await self._read_more()
            except ssl.SSLError as error:
                raise failures.tls_failed(self._stream.place, error) from error
            else:
                await self._flush()
                return

    async def send(self, data: bytes) -> None:
        self.session.write(data)
        await self._flush()

    async def receive(self) -> bytes:
        """What has come; b"" where the peer has closed, with or without saying so."""
        while True:
            try:
                return self.session.read(_CHUNK)
            except ssl.SSLWantReadError:
                await self._flush()
                await self._read_more()
            except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
                return b""
            except ssl.SSLError as error:
                raise failures.tls_failed(self._stream.place, error) from error

    async def _read_more(self) -> None:
        if data := await self._stream.receive():
            self._received.write(data)
        else:
            self._received.write_eof()

    async def _flush(self) -> None:
        if data := self._to_send.read():
            await self._stream.send(data)


@cache
def _context(protocols: tuple[str, ...]) -> ssl.SSLContext:
    """RFC 8737 §4 wants TLS 1.2 or newer, and whoever redirects to https has it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # A weak key or signature of a certificate that proves nothing here is no reason to see nothing.
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.set_alpn_protocols(list(protocols))
    return context

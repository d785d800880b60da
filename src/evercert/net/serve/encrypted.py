"""TLS between a connection and its transport, in memory.

The event loop's own does the same at a quarter more per request and keeps a buffer of 256 KiB for each
connection; and a handshake here is already under the limits of the server.
"""

from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress
from typing import Final, cast

from evercert.net.serve.carrier import Carrier, peer_of
from evercert.net.serve.connection import Connection

__all__ = ["Encrypted"]

_RECORD: Final = 16 * 1024


class Encrypted(Carrier):
    """The loop's protocol; the wire of its connection."""

    def __init__(self, connection: Connection, context: ssl.SSLContext, buffer: memoryview) -> None:
        super().__init__(connection, buffer)
        self._received, self._to_send = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._session = context.wrap_bio(self._received, self._to_send, server_side=True)
        self._is_open = self._is_paused = self._is_over = False

    # The loop's protocol.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # what a loop makes for a stream, whatever its class
        self._connection.arrive(self)

    def buffer_updated(self, nbytes: int) -> None:
        if self._is_over:
            return
        self._received.write(self._buffer[:nbytes])
        if self._is_open or self._shake_hands():
            self._read()

    # The connection's wire.

    def write(self, data: bytes | memoryview) -> None:
        try:
            self._session.write(data)
        except ssl.SSLError:
            self.abort()
        else:
            self._flush()

    def write_eof(self) -> None:
        self._say_goodbye()
        self._transport.write_eof()

    def get_write_buffer_size(self) -> int:
        return self._transport.get_write_buffer_size()

    def pause_reading(self) -> None:
        self._is_paused = True
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        if self._is_paused:
            self._is_paused = False
            self._transport.resume_reading()
            asyncio.get_running_loop().call_soon(self._read)

    def close(self) -> None:
        self._say_goodbye()
        self._transport.close()

    def abort(self) -> None:
        self._is_over = True
        self._transport.abort()

    # Its own course.

    def _shake_hands(self) -> bool:
        try:
            self._session.do_handshake()
        except ssl.SSLWantReadError:
            self._flush()
            return False
        except ssl.SSLError:
            self._flush()  # the alert says what was wrong
            self._is_over = True
            self._transport.close()
            return False
        self._flush()
        self._is_open = True
        self._connection.begin(peer_of(self._transport), self._session.getpeercert(binary_form=True) or b"")
        return True

    def _read(self) -> None:
        """Hands on what can be decrypted, until the connection has enough."""
        try:
            while not self._is_paused and not self._is_over and (self._received.pending or self._session.pending()):
                if not (data := self._session.read(_RECORD)):
                    self._connection.eof_received()
                    break
                self._connection.data_received(data)
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError:
            self.abort()
        if self._to_send.pending and not self._is_over:  # a new key
            self._flush()

    def _say_goodbye(self) -> None:
        if self._is_over:
            return
        self._is_over = True
        with suppress(ssl.SSLError):  # it wants the peer's goodbye, which is passed over when it comes
            self._session.unwrap()
        self._flush()

    def _flush(self) -> None:
        self._transport.write(self._to_send.read())

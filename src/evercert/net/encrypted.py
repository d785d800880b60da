"""TLS between a client's connection and its transport, in memory.

The event loop's own takes any end of the connection for the end of what was sent (RFC 9112 §9.8 forbids that), takes
more processor time per request, and on libuv's loop loses the end of a large answer.
"""

from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress

from evercert.net.connections import Connection

__all__ = ["Encrypted"]

_RECORD = 16 * 1024


class Encrypted(asyncio.BufferedProtocol):
    """The transport's protocol in the place of *connection*, and from the handshake on its wire.

    *buffer* is for everybody's octets, one read after another. Raises ValueError for a *host* that is no name.
    """

    def __init__(self, connection: Connection, context: ssl.SSLContext, host: str, buffer: memoryview) -> None:
        self._connection = connection
        self._transport = connection.transport
        self._buffer = buffer
        self._received, self._to_send = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._session = context.wrap_bio(self._received, self._to_send, server_hostname=host)
        self._is_open = False
        self._shaken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        # Why nothing more can be read: until the peer has said goodbye, its end is none (RFC 9112 §9.8).
        self._fault: OSError | None = ssl.SSLEOFError(ssl.SSL_ERROR_EOF, "no goodbye")

    async def shake_hands(self) -> None:
        """Afterwards what goes over the connection is encrypted. Raises OSError, of which `ssl.SSLError` is one."""
        self._transport.pause_reading()
        self._transport.set_protocol(self)
        self._transport.resume_reading()
        self._shake_hands()
        await self._shaken
        self._connection.wire = self

    # The loop's protocol.

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        self._received.write(self._buffer[:nbytes])
        if self._is_open or self._shake_hands():
            self._read()

    def eof_received(self) -> None:
        """The transport closes itself then."""

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._shaken.done():
            self._shaken.set_exception(exc or ConnectionResetError())
        self._connection.connection_lost(exc or self._fault)

    # The connection's wire.

    def write(self, data: bytes) -> None:
        try:
            self._session.write(data)
        except ssl.SSLError as error:
            self._fail(error)
        else:
            self._flush()

    def abort(self) -> None:
        self._transport.abort()

    # Its own course.

    def _shake_hands(self) -> bool:
        """Whether they are shaken."""
        if self._shaken.done():
            return False  # it has failed, or nobody wants it any more
        try:
            self._session.do_handshake()
        except ssl.SSLWantReadError:
            self._flush()
        except ssl.SSLError as error:
            self._flush()  # the alert says what was wrong
            self._shaken.set_exception(error)
            self._transport.close()
        else:
            self._flush()
            self._shaken.set_result(None)
            self._is_open = True
        return self._is_open

    def _read(self) -> None:
        try:
            while self._connection.is_open:
                if not (data := self._session.read(_RECORD)):
                    self._end()
                    return
                self._connection.data_received(data)
        except ssl.SSLWantReadError:
            self._flush()  # a new key
        except ssl.SSLZeroReturnError:
            self._end()
        except ssl.SSLError as error:
            self._fail(error)

    def _end(self) -> None:
        """The peer has said goodbye."""
        self._fault = None
        with suppress(ssl.SSLError):
            self._session.unwrap()
        self._flush()
        self._transport.close()

    def _fail(self, error: ssl.SSLError) -> None:
        self._fault = error
        self._transport.abort()

    def _flush(self) -> None:
        if data := self._to_send.read():
            self._transport.write(data)

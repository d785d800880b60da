"""A peer that does what it is told, good or bad, over a real socket: for whoever must survive it."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

__all__ = ["Peer", "Speak", "read_request"]

Speak = Callable[[socket.socket], None]


class Peer:
    """Runs *speak* for each connection, in a thread each; with *context*, behind TLS.

    `accepted` counts connections. Leaving ends all of them, whatever they are doing.
    """

    def __init__(
        self, speak: Speak, context: ssl.SSLContext | None = None, address: str = "127.0.0.1", port: int = 0
    ) -> None:
        self._speak = speak
        self._context = context
        self._listener = socket.create_server(
            (address, port), family=socket.AF_INET6 if ":" in address else socket.AF_INET
        )
        self.port: int = self._listener.getsockname()[1]
        self.accepted = 0
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._threads[0].join()
        for connection in self._open:
            with suppress(OSError):
                socket.socket.shutdown(connection, socket.SHUT_RDWR)
        for thread in self._threads[1:]:
            thread.join()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.accepted += 1
                self._open.append(connection)
                self._threads.append(threading.Thread(target=self._meet, args=(connection,)))
                self._threads[-1].start()

    def _meet(self, connection: socket.socket) -> None:
        with suppress(OSError), connection:
            if self._context is None:
                self._speak(connection)
                return
            with self._context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False) as session:
                self._open.append(session)
                session.do_handshake()
                self._speak(session)


def read_request(connection: socket.socket) -> bytes:
    """One whole request, head and announced body; b"" where the client has gone."""
    received = b""
    while b"\r\n\r\n" not in received:
        if not (more := connection.recv(1 << 16)):
            return b""
        received += more
    head, _, body = received.partition(b"\r\n\r\n")
    lengths = [line.partition(b":")[2] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    while lengths and len(body) < int(lengths[0]):
        body += connection.recv(1 << 16)
    return head + b"\r\n\r\n" + body

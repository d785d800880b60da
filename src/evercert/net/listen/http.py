"""The responder of http-01 (RFC 8555 §8.3): tokens at one path, and nothing else that HTTP could do.

Written on the socket, without a web server, because it is open to everybody while a CA validates:
one header block of 8 KiB, ten seconds, no body, no file, and no answer but 200, 404 and refusals.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final, cast

from evercert.net.listen.bind import Listener

__all__ = ["HttpResponder"]

_PATH: Final = b"/.well-known/acme-challenge/"
_MAX_HEAD: Final = 8 * 1024
_PATIENCE: Final = 10.0
_MAX_CONNECTIONS: Final = 1024
_MAX_REQUESTS: Final = 100

_OK: Final = b"200 OK"
_NOT_FOUND: Final = b"404 Not Found"
_BAD: Final = b"400 Bad Request"
_NOT_ALLOWED: Final = b"405 Method Not Allowed"
_HEAD_TOO_LARGE: Final = b"431 Request Header Fields Too Large"


class HttpResponder:
    """Answers `/.well-known/acme-challenge/<token>` with the token's key authorization, anything else with 404.

    `put` and `drop` take effect at once. Where more than *connections* are open, the oldest makes room;
    whoever has not said all of a request within *patience* seconds is sent away. Owned by one event loop.
    """

    def __init__(self, connections: int = _MAX_CONNECTIONS, patience: float = _PATIENCE) -> None:
        self._answers: dict[bytes, bytes] = {}
        self._room = connections
        self.patience = patience
        self._connections: dict[_Connection, None] = {}  # oldest first
        self._listener = Listener(lambda: _Connection(self))

    async def start(self, addresses: Sequence[str], port: int) -> int:
        """Afterwards it answers on *port* (0: any free one) of every address; the port. Raises `port`."""
        return await self._listener.start(addresses, port)

    def answer_at(self, path: bytes) -> bytes | None:
        return self._answers.get(path)

    def welcome(self, connection: _Connection) -> None:
        """Counts it among those that are open."""
        if len(self._connections) >= self._room:
            next(iter(self._connections)).end()
        self._connections[connection] = None

    def forget(self, connection: _Connection) -> None:
        self._connections.pop(connection, None)

    def put(self, token: str, key_authorization: str) -> None:
        self._answers[_PATH + token.encode()] = key_authorization.encode()

    def drop(self, token: str) -> None:
        """Afterwards the token is answered with 404. Idempotent."""
        self._answers.pop(_PATH + token.encode(), None)

    async def close(self) -> None:
        """Afterwards the port is free and nobody is connected. Idempotent."""
        self._listener.close()
        for connection in tuple(self._connections):
            connection.end()


class _Connection(asyncio.Protocol):
    """One client: its requests one after another, each in its time."""

    def __init__(self, responder: HttpResponder) -> None:
        self._responder = responder
        self._received = b""
        self._requests = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # what a loop makes for a stream, whatever its class
        self._responder.welcome(self)
        self._timer = asyncio.get_running_loop().call_later(self._responder.patience, self.end)

    def connection_lost(self, exc: Exception | None) -> None:
        self._timer.cancel()
        self._responder.forget(self)

    def data_received(self, data: bytes) -> None:
        self._received += data
        while not self._transport.is_closing():
            head, found, self._received = self._taken()
            if not found:
                return
            self._answer(head)

    def end(self) -> None:
        self._responder.forget(self)
        self._transport.abort()

    def _taken(self) -> tuple[bytes, bool, bytes]:
        head, found, rest = self._received.partition(b"\r\n\r\n")
        if found and len(head) <= _MAX_HEAD:
            return head, True, rest
        if len(head) > _MAX_HEAD:
            self._refuse(_HEAD_TOO_LARGE)
        return b"", False, self._received

    def _answer(self, head: bytes) -> None:
        lines = head.split(b"\r\n")
        words = lines[0].split(b" ")
        if len(words) != 3 or words[2] not in {b"HTTP/1.0", b"HTTP/1.1"}:
            self._refuse(_BAD)
        elif words[0] not in {b"GET", b"HEAD"}:
            self._refuse(_NOT_ALLOWED)
        else:
            self._reply(words[0], _path(words[1]), keep_alive=words[2] == b"HTTP/1.1" and _is_plain(lines[1:]))

    def _reply(self, method: bytes, path: bytes, *, keep_alive: bool) -> None:
        self._requests += 1
        keep_alive = keep_alive and self._requests < _MAX_REQUESTS
        found = self._responder.answer_at(path)
        self._transport.write(_response(_NOT_FOUND if found is None else _OK, found or b"", method, keep_alive))
        self._timer.cancel()
        if keep_alive:
            self._timer = asyncio.get_running_loop().call_later(self._responder.patience, self.end)
        else:
            self._close()

    def _refuse(self, status: bytes) -> None:
        self._transport.write(_response(status, b"", b"GET", keep_alive=False))
        self._close()

    def _close(self) -> None:
        """Ends when what was written is gone, or a moment later where the peer does not read."""
        self._timer.cancel()
        self._transport.close()
        self._timer = asyncio.get_running_loop().call_later(self._responder.patience, self.end)


def _path(target: bytes) -> bytes:
    """The path of a request's target; proxies may write the whole URL (RFC 9112 §3.2.2)."""
    if target[:7].lower() == b"http://":
        return b"/" + target[7:].partition(b"/")[2]
    return target


def _is_plain(fields: Sequence[bytes]) -> bool:
    """Whether another request may follow: no body comes (none is ever read), and the peer does not leave."""
    names = {field.partition(b":")[0].strip().lower(): field for field in fields}
    length = names.get(b"content-length", b":0").partition(b":")[2].strip()
    leaves = b"close" in names.get(b"connection", b"").lower()
    return not leaves and b"transfer-encoding" not in names and length == b"0"


def _response(status: bytes, body: bytes, method: bytes, keep_alive: bool) -> bytes:
    # RFC 8555 §8.3 shows this type; no browser shall take a key authorization for anything to run.
    return b"".join(
        (
            b"HTTP/1.1 " + status + b"\r\nContent-Type: application/octet-stream\r\nContent-Length: ",
            str(len(body)).encode(),
            b"\r\nConnection: ",
            b"keep-alive" if keep_alive else b"close",
            b"\r\n\r\n",
            b"" if method == b"HEAD" else body,
        )
    )

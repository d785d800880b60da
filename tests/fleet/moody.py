"""What stands before a CA and has moods: it passes requests on, or answers 503 or 429 itself."""

from __future__ import annotations

import asyncio
import ssl
import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.peers.listener import make_listener
from tests.peers.ports import free_port

__all__ = ["Moody"]

_PROBLEM = b'{"type":"urn:ietf:params:acme:error:%s","detail":"not now"}'
_MOODS = {503: b"serverInternal", 429: b"rateLimited"}


class Moody:
    """Listens with TLS on `port` and speaks to the server on *upstream* of this machine, whose root is *root*. Its
    `mood` is a status to answer with, or 0; `refused` counts what it answered itself."""

    def __init__(self, folder: Path, port: int = 0) -> None:
        self.port = port or free_port()
        self.mood = 0
        self.refused = 0
        self._listener = make_listener(folder)
        self.authority = self._listener.authority
        self._upstream: tuple[int, ssl.SSLContext] | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="moody", daemon=True)

    def lead_to(self, port: int, root: Path) -> None:
        """From now on requests go there."""
        self._upstream = port, ssl.create_default_context(cafile=str(root))

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(20)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(20)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(20)
        self._loop.close()

    async def _listen(self) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._listener.certificate, self._listener.key)
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, ssl=context, backlog=1000)

    async def _close(self) -> None:
        self._server.close()
        serving = asyncio.all_tasks() - {asyncio.current_task()}
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, EOFError, ssl.SSLError):
            assert self._upstream is not None, "it leads nowhere"
            port, context = self._upstream
            there, back = await asyncio.open_connection("localhost", port, ssl=context)
            try:
                while request := await _message(reader, is_answer_to=b""):
                    if self.mood:
                        self.refused += 1
                        writer.write(_refusal(self.mood))
                    else:
                        back.write(request)
                        writer.write(await _message(there, is_answer_to=request))
                    await writer.drain()
            finally:
                back.close()
                writer.close()


async def _message(reader: asyncio.StreamReader, *, is_answer_to: bytes) -> bytes:
    """One message of HTTP/1.1 with its body, whose length it says."""
    head = await reader.readuntil(b"\r\n\r\n")
    if is_answer_to.startswith(b"HEAD ") or head.startswith((b"HTTP/1.1 204", b"HTTP/1.1 304")):
        return head
    lengths = [line.partition(b":")[2] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return head + (await reader.readexactly(int(lengths[0])) if lengths else b"")


def _refusal(status: int) -> bytes:
    body = _PROBLEM % _MOODS[status]
    return (
        b"HTTP/1.1 %d No\r\nContent-Type: application/problem+json\r\nRetry-After: 1\r\nContent-Length: %d\r\n\r\n%s"
        % (status, len(body), body)
    )

"""An endpoint for webhooks: a real HTTP server that believes nobody without a signature and answers as it is told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from examples.webhook import is_genuine

__all__ = ["Receiver"]


@dataclass
class Receiver:
    """`answers` are the statuses of the next requests, and then 204; None is no answer at all. What is not signed right
    is answered with 401. Whoever has it open sees what came in `requests` and what it took in `taken`."""

    secret: str
    now: Callable[[], float]
    answers: list[int | None] = field(default_factory=list)
    headers: tuple[str, ...] = ()
    requests: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    taken: list[dict[str, Any]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/told?token=no-secret"

    @property
    def ids(self) -> list[int]:
        """The numbers of the events that it took, each as often as it was taken."""
        return [event["id"] for event in self.taken]

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        self._ending = asyncio.Event()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.set()
        self._server.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                lines = (line.partition(":") for line in head.split("\r\n")[1:] if line)
                headers = {name.lower(): value.strip() for name, _, value in lines}
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                status = self._status(headers, body)
                if status is None:
                    await self._ending.wait()
                    break
                more = "".join(f"{line}\r\n" for line in self.headers)
                writer.write(f"HTTP/1.1 {status} So\r\nContent-Length: 0\r\n{more}\r\n".encode())
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def _status(self, headers: dict[str, str], body: bytes) -> int | None:
        self.requests.append((headers, body))
        if not is_genuine(headers, body, self.secret, self.now()):
            return 401
        status = self.answers.pop(0) if self.answers else 204
        if status is not None and status < 300:
            self.taken.append(json.loads(body))
        return status

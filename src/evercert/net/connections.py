"""Connections to web servers, kept open between requests, no more to one server than are allowed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Protocol, cast

from evercert.net.answer import Answer, Malformed
from evercert.net.asking import Place

__all__ = ["Connection", "Pool", "Wire"]

# A server closes what nobody uses, most after a minute; a request that crosses with that has an unknown fate.
_IDLE: Final = 15.0


class Wire(Protocol):
    """What a connection needs of an `asyncio.Transport`, so that TLS can stand between."""

    def write(self, data: bytes) -> None: ...

    def abort(self) -> None: ...


class Connection(asyncio.Protocol):
    """One request at a time, each with its answer. Owned by whoever opened or took it.

    `transport` is the loop's, `wire` what requests are written to: the same, unless TLS was put between.
    """

    transport: asyncio.Transport
    wire: Wire

    def __init__(self) -> None:
        self.is_open = False
        self._answer: Answer | None = None
        self._waiter: asyncio.Future[Answer] | None = None

    async def exchange(self, octets: bytes, method: str, max_body: int) -> Answer:
        """The answer, whole. Raises OSError, `Malformed` or `TooLarge`, and is closed then, as when cancelled."""
        if not self.is_open:
            raise ConnectionResetError("the connection was closed")
        self._answer = answer = Answer(method, max_body)
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            self.wire.write(octets)
            return await self._waiter
        except BaseException:
            self.close()
            raise
        finally:
            self._answer = self._waiter = None
            if not answer.may_follow:
                self.close()

    def close(self) -> None:
        """Afterwards nothing goes over it. Idempotent."""
        self.is_open = False
        self.wire.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = self.wire = cast(
            asyncio.Transport, transport
        )  # what a loop makes for a stream, whatever its class
        self.is_open = True

    def data_received(self, data: bytes) -> None:
        if self._answer is None or self._waiter is None or self._waiter.done():
            self.close()  # nobody asked
            return
        try:
            self._answer.feed(data)
        except Exception as error:
            self._waiter.set_exception(error)
            self.close()
            return
        if self._answer.is_whole:
            self._waiter.set_result(self._answer)

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_open = False
        if self._answer is None or self._waiter is None or self._waiter.done():
            return
        try:
            self._answer.end()
        except Malformed as error:
            exc = exc or error
        if exc is None:
            self._waiter.set_result(self._answer)
        else:
            self._waiter.set_exception(exc)


class Pool:
    """The connections to one server, the one that was used last first. For one event loop."""

    def __init__(self, open_one: Callable[[Place], Awaitable[Connection]], place: Place, most: int) -> None:
        self._open_one = open_one
        self._place = place
        self._turns = asyncio.Semaphore(most)
        self._idle: list[tuple[Connection, float]] = []
        self._sweeping: asyncio.TimerHandle | None = None

    async def exchange(self, octets: bytes, method: str, max_body: int) -> Answer:
        """The answer over a connection that was open, or over a new one."""
        async with self._turns:
            connection = self._take() or await self._open_one(self._place)
            answer = await connection.exchange(octets, method, max_body)
            if connection.is_open:
                self._put(connection)
            return answer

    def close(self) -> None:
        """Afterwards none is open that is not in use. Idempotent."""
        if self._sweeping is not None:
            self._sweeping.cancel()
        for connection, _ in self._idle:
            connection.close()
        self._idle.clear()

    def _take(self) -> Connection | None:
        oldest = _now() - _IDLE
        while self._idle:
            connection, since = self._idle.pop()
            if connection.is_open and since > oldest:
                return connection
            connection.close()
        return None

    def _put(self, connection: Connection) -> None:
        self._idle.append((connection, _now()))
        if self._sweeping is None:
            self._sweeping = asyncio.get_running_loop().call_later(_IDLE, self._sweep)

    def _sweep(self) -> None:
        """Close what nobody has used for long; look again while there is anything."""
        oldest = _now() - _IDLE
        kept = [(connection, since) for connection, since in self._idle if connection.is_open and since > oldest]
        for connection, since in self._idle:
            if since <= oldest:
                connection.close()
        self._idle = kept
        self._sweeping = asyncio.get_running_loop().call_later(_IDLE, self._sweep) if kept else None


def _now() -> float:
    return asyncio.get_running_loop().time()

"""Listening responders, shared: open while there is something to answer, or for as long as the process lives."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Generic, Protocol, TypeVar

from evercert.base.errors import EvercertError

__all__ = ["Responder", "SharedResponder"]


class Responder(Protocol):
    """What `net.listen`'s responders have in common."""

    async def start(self, addresses: Sequence[str], port: int) -> int: ...

    def drop(self, key: str, /) -> None: ...

    async def close(self) -> None: ...


R = TypeVar("R", bound=Responder)


class SharedResponder(Generic[R]):
    """One listener on one port for all issuances of this process that need it.

    It is opened by the first answer and closed after the last, so that the port is free in between. One that
    *stays* is open from its opening until `close`: others are served through it. Two issuances may hold the
    same answer; it stays until both have let go.
    """

    def __init__(self, make: Callable[[], R], addresses: Sequence[str], port: int, *, stays: bool = False) -> None:
        self._make = make
        self._addresses = addresses
        self._port = port
        self._stays = stays
        self._turn = asyncio.Lock()
        self._open: tuple[R, int] | None = None
        # key -> the answer there and the issuances that hold it. Owned by this process alone.
        self._answers: dict[str, tuple[str, set[int]]] = {}

    async def open(self) -> None:
        """Afterwards it listens. Idempotent; raises `port`."""
        async with self._turn:
            await self._opened()

    async def put(self, key: str, content: str, issuance: int, answer: Callable[[R], None]) -> int:
        """Afterwards *answer* has told an open responder about *key*; the port it listens on.

        Raises `port` where it cannot be opened, and `conflict` where another issuance holds another
        answer for *key*.
        """
        async with self._turn:
            held, holders = self._answers.get(key, (content, set()))
            if held != content and holders - {issuance}:
                raise EvercertError(
                    "conflict", "another order for it is being proved", name=key, hint="try again when it is done"
                )
            responder, port = await self._opened()
            answer(responder)
            self._answers[key] = content, holders | {issuance}
            return port

    async def drop(self, key: str, issuance: int) -> None:
        """Afterwards *issuance* holds *key* no more; the port is closed if nobody holds anything,
        unless it stays. Idempotent."""
        async with self._turn:
            content, holders = self._answers.get(key, ("", set()))
            if issuance not in holders:
                return
            if holders == {issuance}:
                del self._answers[key]
                if self._open is not None:
                    self._open[0].drop(key)
            else:
                self._answers[key] = content, holders - {issuance}
            if not self._answers and not self._stays:
                await self._closed()

    async def close(self) -> None:
        """Afterwards nothing listens, whatever is still held. Idempotent."""
        async with self._turn:
            self._answers.clear()
            await self._closed()

    async def _opened(self) -> tuple[R, int]:
        if self._open is None:
            responder = self._make()
            try:
                self._open = responder, await responder.start(self._addresses, self._port)
            except BaseException:
                await responder.close()
                raise
        return self._open

    async def _closed(self) -> None:
        if self._open is not None:
            responder, _ = self._open
            self._open = None
            await responder.close()

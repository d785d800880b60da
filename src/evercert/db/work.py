"""One transaction on its way: handed over by a task of the loop, answered by a thread."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from evercert.base.errors import EvercertError
from evercert.db.protocol import Row, Statement

__all__ = ["Outcome", "Work"]

# What each of the statements returned, or why nothing of them was kept.
Outcome = list[list[Row]] | EvercertError


class Work:
    """Made on the loop that waits for the answer; answered from any thread, once."""

    __slots__ = ("_answer", "_loop", "statements")

    def __init__(self, statements: Sequence[Statement]) -> None:
        self.statements = statements
        self._loop = asyncio.get_running_loop()
        self._answer: asyncio.Future[list[list[Row]]] = self._loop.create_future()

    async def answered(self) -> list[list[Row]]:
        return await self._answer

    def answer(self, outcome: Outcome) -> None:
        """Hand the outcome to whoever waits, if anybody still does."""
        try:
            self._loop.call_soon_threadsafe(self._settle, outcome)
        except RuntimeError:
            # The loop that asked is closed.
            return

    def _settle(self, outcome: Outcome) -> None:
        if self._answer.done():
            return
        if isinstance(outcome, EvercertError):
            self._answer.set_exception(outcome)
        else:
            self._answer.set_result(outcome)

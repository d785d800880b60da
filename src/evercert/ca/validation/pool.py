"""Validations beside the requests: as many at once as was said, fairly among accounts, each once.

Nothing here is durable. The store knows which challenges are being validated; whoever starts feeds them in again, and
what is in twice is done once.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any, Final

__all__ = ["ValidationPool"]

_TOTAL: Final = 100
_PER_ACCOUNT: Final = 20
# A waiting one is a few hundred octets; who has more in the store feeds the rest in later.
_WAITING: Final = 10_000

Work = Callable[[], Coroutine[Any, Any, None]]


class ValidationPool:
    """At most *total* validations run at once, at most *per_account* of one account; accounts with work take turns.

    *failed* is told of a work's exception, which is a fault of ours: a work is to write down its own outcome. Owned by
    one event loop.
    """

    def __init__(
        self,
        failed: Callable[[str, BaseException], None],
        *,
        total: int = _TOTAL,
        per_account: int = _PER_ACCOUNT,
        waiting: int = _WAITING,
    ) -> None:
        self._failed = failed
        self._total = total
        self._per_account = per_account
        self._room = waiting
        self._waiting: dict[str, str] = {}  # key -> account
        self._queues: dict[str, dict[str, Work]] = {}  # what waits of an account, oldest first
        self._turns: dict[str, None] = {}  # accounts that wait and may run, in the order of their turns
        self._running: dict[str, asyncio.Task[None]] = {}
        self._ends: dict[str, asyncio.Future[None]] = {}
        self._busy: Counter[str] = Counter()
        self._is_closed = False

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    @property
    def running(self) -> int:
        return len(self._running)

    def submit(self, key: str, account: str, work: Work) -> asyncio.Future[None] | None:
        """Done when *key* is neither waiting nor running any more, whatever came of it; shield it where you may stop
        waiting. A key that is here already is not taken twice. None where there is no room, or the pool is drained:
        feed it in again later. *work* is called when its turn has come, and not if it is cancelled before, or has to
        make room."""
        if key in self._ends:
            return self._ends[key]
        if self._is_closed or not self._has_room(account):
            return None
        end = self._ends[key] = asyncio.get_running_loop().create_future()
        self._waiting[key] = account
        self._queues.setdefault(account, {})[key] = work
        self._give_turn(account)
        self._go_on()
        return end

    def cancel(self, key: str) -> None:
        """Afterwards *key* does not wait, and if it runs it is about to end. Idempotent."""
        if key in self._waiting:
            self._take(key)
            self._end(key)
        if task := self._running.get(key):
            task.cancel()

    async def drain(self, patience: float) -> int:
        """Takes nothing more, forgets what waits, lets what runs end within *patience* seconds and cancels the rest.
        How many were cancelled. The store still has all of them. Idempotent."""
        self._is_closed = True
        for key in tuple(self._waiting):
            self.cancel(key)
        running = set(self._running.values())
        if running:
            _, late = await asyncio.wait(running, timeout=patience)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
            return len(late)
        return 0

    def _has_room(self, account: str) -> bool:
        """Where all is taken, whoever has the most gives up his last, so that nobody waits for one account's many."""
        if len(self._waiting) < self._room:
            return True
        longest = max(self._queues.values(), key=len, default={})
        if len(longest) <= len(self._queues.get(account, ())) + 1:
            return False
        self.cancel(next(reversed(longest)))
        return True

    def _give_turn(self, account: str) -> None:
        if account in self._queues and self._busy[account] < self._per_account:
            self._turns.setdefault(account)

    def _go_on(self) -> None:
        while self._turns and len(self._running) < self._total:
            account = next(iter(self._turns))
            key = next(iter(self._queues[account]))
            self._start(key, account, self._take(key))
            self._turns.pop(account, None)
            self._give_turn(account)  # behind the others

    def _take(self, key: str) -> Work:
        account = self._waiting.pop(key)
        work = self._queues[account].pop(key)
        if not self._queues[account]:
            del self._queues[account]
            self._turns.pop(account, None)
        return work

    def _start(self, key: str, account: str, work: Work) -> None:
        self._busy[account] += 1
        task = asyncio.get_running_loop().create_task(work(), name=f"validation {key}")
        self._running[key] = task
        task.add_done_callback(lambda task: self._ended(key, account, task))

    def _ended(self, key: str, account: str, task: asyncio.Task[None]) -> None:
        del self._running[key]
        self._end(key)
        self._busy[account] -= 1
        if not self._busy[account]:
            del self._busy[account]
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failed(key, error)
        self._give_turn(account)
        self._go_on()

    def _end(self, key: str) -> None:
        end = self._ends.pop(key)
        if not end.done():  # who waited for it may have cancelled it
            end.set_result(None)

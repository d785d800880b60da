"""Secrets by reference, had beforehand: a program that says one may take seconds, and the event loop does not wait."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Final, NoReturn

from evercert.base.clock import Clock
from evercert.base.errors import EvercertError
from evercert.base.secret import Secret
from evercert.config.references import resolve

__all__ = ["Secrets"]

# So long what a program said, or that it failed, counts for all who refer to it. A failed certificate is tried again
# after a minute at the earliest; a secret that was replaced is taken up by then.
_FRESH: Final = 50.0


class Secrets:
    """Owned by whoever lives as long as they are used. Holds what programs said, in memory alone, for a minute, where
    it is `forgetting`."""

    def __init__(self, environ: Mapping[str, str], clock: Clock) -> None:
        self._environ = environ
        self._clock = clock
        self._said: dict[str, tuple[float, Secret | EvercertError]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stirred = asyncio.Event()

    @property
    def held(self) -> frozenset[str]:
        """The references of which there is something in memory."""
        return frozenset(self._said)

    @asynccontextmanager
    async def forgetting(self) -> AsyncIterator[None]:
        """While it is open, what was said is dropped when its minute is over; all of it is when it ends."""
        self._loop = asyncio.get_running_loop()
        forgetting = asyncio.create_task(self._forget())
        try:
            yield
        finally:
            self._loop = None
            forgetting.cancel()
            await asyncio.gather(forgetting, return_exceptions=True)
            self._said.clear()

    def __call__(self, reference: str) -> Secret:
        """What `resolve` says. Blocks while a program runs, unless it was made `ready`."""
        if not _is_program(reference):
            return resolve(reference, self._environ)
        if (said := self._fresh(reference)) is None:
            said = self._run(reference)
        if isinstance(said, EvercertError):
            raise said
        return said

    async def ready(self, texts: Iterable[str]) -> None:
        """Afterwards those of the *texts* that refer to programs are answered without waiting, for good or ill."""
        wanted = {text for text in texts if _is_program(text) and self._fresh(text) is None}
        if wanted:
            await asyncio.gather(*(asyncio.to_thread(self._run, text) for text in sorted(wanted)))

    def _fresh(self, reference: str) -> Secret | EvercertError | None:
        until, said = self._said.get(reference, (0.0, None))
        return said if self._clock.monotonic() < until else None

    def _run(self, reference: str) -> Secret | EvercertError:
        said: Secret | EvercertError
        try:
            said = resolve(reference, self._environ)
        except EvercertError as error:
            said = error
        self._said[reference] = (self._clock.monotonic() + _FRESH, said)
        if loop := self._loop:
            with suppress(RuntimeError):  # this is a thread, and the loop ended meanwhile
                loop.call_soon_threadsafe(self._stirred.set)
        return said

    async def _forget(self) -> NoReturn:
        while True:
            await self._stirred.wait()
            self._stirred.clear()
            while ends := [until for until, _ in [*self._said.values()]]:
                await self._clock.sleep(min(ends) - self._clock.monotonic())
                self._drop()

    def _drop(self) -> None:
        now = self._clock.monotonic()
        for reference, (until, _) in [*self._said.items()]:
            if until <= now:
                self._said.pop(reference, None)


def _is_program(text: str) -> bool:
    return text.startswith("exec:")

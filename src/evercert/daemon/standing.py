"""Stand before live TLS servers from the start: their clients come through us, whether anything is due or not."""

from __future__ import annotations

from collections.abc import AsyncIterator

from evercert.base.errors import EvercertError
from evercert.engine.wiring import Engine
from evercert.store import certificates

__all__ = ["Standing"]


class Standing:
    """The fronts (tls-alpn-01) of all certificates. What was opened stays open until the engine is closed,
    also when no certificate asks for it any more: somebody's clients may be in it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._told: frozenset[str] = frozenset()

    async def look(self) -> None:
        """Afterwards every front that can be opened is open; why another cannot was told once. Raises `store`."""
        failures = frozenset([failure async for failure in self._failures()])
        for failure in sorted(failures - self._told):
            self._engine.telling(failure)
        self._told = failures

    async def _failures(self) -> AsyncIterator[str]:
        for rule in await certificates.fronts(self._engine.db):
            try:
                await self._engine.stand(rule)
            except EvercertError as error:
                yield f"{error}; its clients are not served{f' ({error.hint})' if error.hint else ''}"

"""Follow a declaration: what its files say is what is wanted, also after they were changed."""

from __future__ import annotations

from datetime import timedelta

from evercert.base.errors import EvercertError
from evercert.config.declaration.faults import Faulty
from evercert.config.declaration.reading import current_digest
from evercert.engine.declaring.applying import apply, unchanged
from evercert.engine.declaring.comparing import compared
from evercert.engine.declaring.difference import Action
from evercert.engine.wiring import Engine
from evercert.store import declared

__all__ = ["Following"]

# So many faults of a declaration are told; `evercert plan` shows all of them.
_TOLD = 20

# What is wrong may be beside the files: a secret that is not there yet. A large declaration takes seconds to read.
_AGAIN = timedelta(minutes=5)


class Following:
    """Looks at the files when asked. What is not right is told once and changes nothing."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._refused = ""
        self._again_at = engine.clock.now()
        self._told: EvercertError | None = None

    @property
    def refuses(self) -> bool:
        """Whether what the files said at the last look was not applied."""
        return bool(self._refused)

    async def look(self) -> None:
        """Afterwards what is declared is what is wanted, if the declaration is right. Raises `not-found` where there
        is none, and `store`."""
        engine = self._engine
        place, settings = engine.settings.declaration, engine.settings
        if await unchanged(engine.db, place, settings) is not None:
            self._refused = ""
            return
        applied = await declared.applied(engine.db)
        digest = current_digest(place, applied.files if applied else (), settings)
        if digest == self._refused and engine.clock.now() < self._again_at:
            return
        try:
            await self._apply()
            self._refused = ""
        except EvercertError as error:
            if error.code.name != "bad-input":
                raise
            self._refused, self._again_at = digest, engine.clock.now() + _AGAIN
            self._tell(error)

    async def _apply(self) -> None:
        engine = self._engine
        comparison = await compared(engine)
        if not comparison.wanted and comparison.losing:
            # An empty folder is more often a mount that is missing than a wish.
            hint = "say so by hand: evercert apply"
            raise EvercertError("bad-input", "nothing is declared any more, and everything would go", hint=hint)
        await apply(engine.db, comparison, engine.clock.now())
        news = [change for change in comparison.changes if change.action is not Action.WAIT]
        if news:
            engine.telling(f"{engine.settings.declaration}: {_changes(len(news))} declared")

    def _tell(self, error: EvercertError) -> None:
        known, self._told = self._told, error
        if known and _words(known) == _words(error):
            return
        if not isinstance(error, Faulty):
            self._engine.telling(f"the declaration was not applied: {error}{f' ({error.hint})' if error.hint else ''}")
            return
        for fault in error.faults[:_TOLD]:
            self._engine.telling(f"{fault}{f' ({fault.hint})' if fault.hint else ''}")
        faults = f"{len(error.faults)} faults" if len(error.faults) > 1 else "a fault"
        self._engine.telling(f"the declaration has {faults}; what was wanted before stays so")


def _changes(count: int) -> str:
    return f"{count:,} changes were" if count > 1 else "a change was"


def _words(error: EvercertError) -> tuple[str, ...]:
    return tuple(map(str, error.faults)) if isinstance(error, Faulty) else (error.message,)

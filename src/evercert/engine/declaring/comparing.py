"""The settings' declaration against an engine's store."""

from __future__ import annotations

import asyncio
from functools import partial

from evercert.base.collecting import collector_at_rest
from evercert.config.declaration.reading import read_declaration
from evercert.config.references import resolve
from evercert.engine.declaring.applying import Comparison, compare
from evercert.engine.declaring.checking import check_parts
from evercert.engine.wiring import Engine

__all__ = ["compared"]


async def compared(engine: Engine) -> Comparison:
    """Read, checked and compared; nothing is written. Raises `Faulty` with all that is wrong in it."""
    settings = engine.settings
    with collector_at_rest():  # a third to a half of the time, for a hundred thousand certificates
        # Seconds of work for so many; others on the loop go on.
        declaration = await asyncio.to_thread(read_declaration, settings.declaration, settings)
        check_parts(declaration, engine.targets, partial(resolve, environ=settings.environ))
        return await compare(engine.db, declaration)

"""The settings' declaration against an engine's store."""

from __future__ import annotations

from functools import partial

from evercert.config.declaration.reading import read_declaration
from evercert.config.references import resolve
from evercert.engine.declaring.applying import Comparison, compare
from evercert.engine.declaring.checking import check_parts
from evercert.engine.wiring import Engine

__all__ = ["compared"]


async def compared(engine: Engine) -> Comparison:
    """Read, checked and compared; nothing is written. Raises `Faulty` with all that is wrong in it."""
    declaration = read_declaration(engine.settings.declaration, engine.settings)
    check_parts(declaration, engine.targets, partial(resolve, environ=engine.settings.environ))
    return await compare(engine.db, declaration)

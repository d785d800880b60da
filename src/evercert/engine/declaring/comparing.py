"""The settings' declaration, read and checked, against a store."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from evercert.base.collecting import collector_at_rest
from evercert.config.declaration.declared import Declaration
from evercert.config.declaration.reading import read_declaration
from evercert.config.secrets import Secrets
from evercert.config.settings import Settings
from evercert.db.protocol import Database
from evercert.engine.declaring.applying import Comparison, compare
from evercert.engine.declaring.checking import check_parts
from evercert.engine.targets import Targets
from evercert.engine.wiring import Engine

__all__ = ["compared", "compared_with"]


async def compared(engine: Engine) -> Comparison:
    """Read, checked and compared; nothing is written. Raises `Faulty` with all that is wrong in it."""
    return await compared_with(engine.db, engine.settings, engine.targets, engine.secrets)


async def compared_with(db: Database, settings: Settings, targets: Targets, secrets: Secrets) -> Comparison:
    """The same without an engine."""
    with collector_at_rest():  # a third to a half of the time, for a hundred thousand certificates
        # Seconds of work for so many; others on the loop go on.
        declaration = await asyncio.to_thread(read_declaration, settings.declaration, settings)
        await secrets.ready(_texts(declaration))
        check_parts(declaration, targets, secrets)
        return await compare(db, declaration)


def _texts(declaration: Declaration) -> Iterator[str]:
    """Whatever may be a reference in it."""
    for access, _ in declaration.cas:
        yield from (access.eab_key, access.proxy)
    yield from (registration.eab_key for registration, _ in declaration.registrations)
    for rule, _ in declaration.rules:
        yield from rule.options.values()
    for target, _ in declaration.targets:
        yield from target.options.values()
    yield from (hook.secret for hook, _ in declaration.hooks)

"""A declaration compared with the store, and written down there."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from evercert.base.names import Identifier
from evercert.config.declaration.declared import Declaration
from evercert.config.declaration.reading import current_digest
from evercert.config.settings import Settings
from evercert.db.protocol import Database
from evercert.engine.declaring.difference import (
    Action,
    Change,
    access_change,
    differing,
    hook_changes,
    removed,
)
from evercert.engine.declaring.merging import may_merge, merged
from evercert.engine.declaring.sharing import shared
from evercert.engine.declaring.wanted import Wanted
from evercert.engine.limits import overriding
from evercert.model.intent import CertificateIntent
from evercert.model.terms import OnRemoval
from evercert.store import cas, certificates, declared, hooks

__all__ = ["Comparison", "apply", "compare", "unchanged", "wanted_of"]

# So many certificates are changed side by side.
_PORTION = 200

_RELEASES = {Action.KEEP: OnRemoval.KEEP, Action.DELETE: OnRemoval.DELETE, Action.REVOKE: OnRemoval.REVOKE}


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a declaration changes, how many certificates it leaves as they are, and the digests that were read."""

    declaration: Declaration
    wanted: Sequence[Wanted]
    changes: Sequence[Change]
    unchanged: int
    digests: Mapping[str, str]

    @property
    def waits(self) -> bool:
        """Whether something is left to do once what is coming has come: then it is to be compared and applied again."""
        return any(change.action is Action.WAIT for change in self.changes)

    @property
    def losing(self) -> list[str]:
        """The certificates that would be forgotten."""
        goes = {Action.DELETE, Action.REVOKE, Action.WAIT}
        return [change.name for change in self.changes if change.action in goes]


async def unchanged(db: Database, place: Path, settings: Settings) -> int | None:
    """How many certificates the files declare, where neither they nor what they declared was changed since they were
    applied; else None. Reads the files and counts; no certificate is looked at."""
    applied = await declared.applied(db)
    if applied is None or await declared.count(db) != applied.certificates:
        return None
    return applied.certificates if current_digest(place, applied.files, settings) == applied.digest else None


async def compare(db: Database, declaration: Declaration) -> Comparison:
    """Reads only."""
    digests, existing = await declared.digests(db), await declared.all_names(db)
    wanted = await wanted_of(db, declaration, existing)
    names = {each.intent.name for each in wanted}
    # Also what was obtained by hand and is met by another one now.
    gone = (digests.keys() | {each for one in wanted for each in one.also if each in existing}) - names
    changing = [each.intent.name for each in wanted if digests.get(each.intent.name) != each.digest]
    stored = await declared.intents(db, [*(name for name in changing if name in existing), *gone])
    changes = [
        *await _access_changes(db, declaration),
        *await _hook_changes(db, declaration),
        *differing(wanted, digests, {name: intent for name, intent in stored.items() if name not in gone}),
        *(removed(gone, stored, wanted, await _coming(db, wanted, stored, existing)) if gone else ()),
    ]
    return Comparison(declaration, wanted, changes, len(wanted) - len(changing), digests)


async def wanted_of(db: Database, declaration: Declaration, existing: Collection[str]) -> list[Wanted]:
    """What is to be, so that the declaration is met. *existing* are the names of all certificates that there are."""
    alone = [each for each in declaration.certificates if not may_merge(each)]
    together = [each for each in declaration.certificates if may_merge(each)]
    groups = await declared.merged(db) if together else {}
    return [*shared(alone, existing), *merged(together, groups, existing, declaration.rules_of)]


async def _coming(
    db: Database, wanted: Sequence[Wanted], stored: Mapping[str, CertificateIntent], existing: Collection[str]
) -> dict[Identifier, str]:
    """The names that stand in no certificate yet which is to have them, with that. *stored* are the intents of those
    that differ from what is wanted."""
    incomplete = await declared.incomplete(db)
    coming: dict[Identifier, str] = {}
    for each in wanted:
        name = each.intent.name
        if name in incomplete or name not in existing:
            has = incomplete.get(name, frozenset[str]())
        elif name in stored:
            has = frozenset(identifier.value for identifier in stored[name].identifiers)
        else:
            continue
        coming.update((identifier, name) for identifier in each.intent.identifiers if identifier.value not in has)
    return coming


async def _access_changes(db: Database, declaration: Declaration) -> list[Change]:
    found = [
        access_change(await cas.access(db, access.directory), access, str(origin)) for access, origin in declaration.cas
    ]
    return [change for change in found if change]


async def _hook_changes(db: Database, declaration: Declaration) -> list[Change]:
    stored = {standing.hook.name: standing.hook for standing in await hooks.all_hooks(db)}
    return [*hook_changes([(hook, str(origin)) for hook, origin in declaration.hooks], stored)]


async def apply(db: Database, comparison: Comparison, now: datetime) -> None:
    """Afterwards what is declared is what is wanted, durably; what is to be done for it is due.

    What waits for others stays declared, so that the next comparison looks at it again.
    In transactions of some hundreds; whoever is stopped between two of them applies again what is left. Raises
    `conflict` where somebody else changes one of the certificates meanwhile.
    """
    actions = {change.name: change.action for change in comparison.changes}
    for access, _ in comparison.declaration.cas:
        if access.directory in actions:
            await overriding.configure(db, access, now)
    await _apply_hooks(db, comparison.declaration)
    by_name = {each.intent.name: each for each in comparison.wanted if each.intent.name in actions}
    new = [each for name, each in by_name.items() if actions[name] is Action.CREATE]
    await declared.create(db, [(each.intent, each.digest) for each in new], now)
    await _side_by_side([each for name, each in by_name.items() if actions[name] is not Action.CREATE], db, now)
    for name, action in actions.items():
        if action in _RELEASES:
            await declared.release(db, name, _RELEASES[action], comparison.digests.get(name, ""), now)
    declaration = comparison.declaration
    # What waits is looked at again although no file changes.
    digest = "" if comparison.waits else declaration.digest
    await declared.note(db, declared.Applied(digest, declaration.lists, len(comparison.wanted)), now)
    db.notify(certificates.WORK)


async def _apply_hooks(db: Database, declaration: Declaration) -> None:
    """Before the certificates, so that a new hook is told of what is done for those."""
    stored = {standing.hook.name: standing.hook for standing in await hooks.all_hooks(db)}
    for hook, _ in declaration.hooks:
        if stored.pop(hook.name, None) != hook:
            await hooks.configure(db, hook)
    for name in stored:
        await hooks.forget(db, name)


async def _side_by_side(changed: Sequence[Wanted], db: Database, now: datetime) -> None:
    for start in range(0, len(changed), _PORTION):
        portion = changed[start : start + _PORTION]
        await asyncio.gather(*(certificates.declare(db, each.intent, now, digest=each.digest) for each in portion))

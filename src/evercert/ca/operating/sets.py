"""Of which names a limit is that is counted for exactly one set of them: its bucket knows their digest alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import Final

from evercert.base.names import Identifier
from evercert.ca.limits import orders_for
from evercert.ca.store import orders
from evercert.db.protocol import Database

__all__ = ["sets_of"]

# So many orders of an account are looked through, the newest: what was taken from lately was so by one of them.
_MOST: Final = 20_000
_PORTION: Final = 1_000
_NEWEST: Final = (1 << 63) - 1


async def sets_of(
    db: Database, keys: Iterable[str], *, portion: int = _PORTION, most: int = _MOST
) -> dict[str, tuple[Identifier, ...]]:
    """The names by the bucket's key (an account and their digest), as the newest order has them; without those for
    which no order is kept, or so many others came after."""
    wanted: defaultdict[int, set[str]] = defaultdict(set)
    for key in keys:
        wanted[int(key.partition(" ")[0])].add(key)
    found: dict[str, tuple[Identifier, ...]] = {}
    for account_id, of_account in wanted.items():
        found |= await _sets_of(db, account_id, of_account, portion, most)
    return found


async def _sets_of(
    db: Database, account_id: int, wanted: Collection[str], portion: int, most: int
) -> dict[str, tuple[Identifier, ...]]:
    found: dict[str, tuple[Identifier, ...]] = {}
    before, seen = _NEWEST, 0
    while len(found) < len(wanted) and seen < most and (rows := await orders.sets(db, account_id, before, portion)):
        for number, identifiers in rows:
            before, key = number, orders_for(account_id, identifiers).key
            if key in wanted:
                found.setdefault(key, identifiers)
        seen += len(rows)
    return found

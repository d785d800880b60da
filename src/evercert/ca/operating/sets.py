"""Of which names a limit is that is counted for exactly one set of them: its bucket knows their digest alone."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from evercert.base.names import Identifier
from evercert.ca.limits import orders_for
from evercert.ca.store import orders
from evercert.db.protocol import Database

__all__ = ["sets_of"]

# So many orders are looked through in all, the newest of each account: what was taken from lately was so by one of
# them.
_MOST: Final = 20_000
_PORTION: Final = 1_000
_NEWEST: Final = (1 << 63) - 1


async def sets_of(
    db: Database, keys: Iterable[str], *, portion: int = _PORTION, most: int = _MOST
) -> dict[str, tuple[Identifier, ...]]:
    """The names by the bucket's key (an account and their digest), as the newest order has them; without those for
    which no order is kept, or so many others came after. The accounts take turns, so that none uses up what is looked
    through of all."""
    wanted: defaultdict[int, set[str]] = defaultdict(set)
    for key in keys:
        wanted[int(key.partition(" ")[0])].add(key)
    waiting = deque(_Search(account_id, of_account) for account_id, of_account in wanted.items())
    portion = max(1, min(portion, most // max(1, len(waiting))))
    found: dict[str, tuple[Identifier, ...]] = {}
    while waiting and most > 0:
        search, limit = waiting.popleft(), min(portion, most)
        rows = await orders.sets(db, search.account_id, search.before, limit)
        most -= len(rows)
        found |= search.found_in(rows)
        if search.wanted and len(rows) == limit:
            waiting.append(search)
    return found


@dataclass(slots=True)
class _Search:
    """Through the orders of one account, from the newest on. *wanted* are the keys that are not found yet."""

    account_id: int
    wanted: set[str]
    before: int = _NEWEST

    def found_in(self, rows: Iterable[tuple[int, tuple[Identifier, ...]]]) -> dict[str, tuple[Identifier, ...]]:
        """What the next orders tell; the search goes on behind them."""
        found: dict[str, tuple[Identifier, ...]] = {}
        for number, identifiers in rows:
            self.before, key = number, orders_for(self.account_id, identifiers).key
            if key in self.wanted:
                self.wanted.remove(key)
                found[key] = identifiers
        return found

"""Which lists have to be made now. Pure: the same for every node that asks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from evercert.ca.status.rules import StatusRules
from evercert.ca.store.crls import Base, ListKey, PublishedList

__all__ = ["bases_after", "due_lists", "oldest_base"]

# A list from further ahead was made by a clock that was wrong.
_SKEW: Final = timedelta(hours=1)
# A list is not made anew sooner than this for a revocation; a long one is worth waiting for longer: 50 s for a million.
_SOON: Final = timedelta(seconds=5)
_PER_ENTRY: Final = timedelta(microseconds=50)

_MOST_BASES: Final = 100


def due_lists(
    issuer: str, scopes: Mapping[int, int], lists: Sequence[PublishedList], rules: StatusRules, now: datetime
) -> list[ListKey]:
    """Those of the issuer, whole ones first. *scopes* says how many revocations there were in each."""
    newest = {each.key: each for each in lists}
    kinds = (False, True) if rules.delta_every else (False,)
    keys = [ListKey(issuer, partition, delta) for delta in kinds for partition in scopes]
    return [key for key in keys if _is_due(key, newest, scopes[key.partition], rules, now)]


def _is_due(
    key: ListKey, newest: Mapping[ListKey, PublishedList], revoked: int, rules: StatusRules, now: datetime
) -> bool:
    made, base = newest.get(key), newest.get(ListKey(key.issuer, key.partition))
    if key.delta and base is None:
        return False
    if made is None:
        return True
    every = rules.delta_every if key.delta and rules.delta_every else rules.crl_every
    if not made.this_update - _SKEW <= now < made.this_update + every:
        return True
    if key.delta and base is not None and made.number < base.number:
        return True
    if rules.delta_every and not key.delta:
        return False  # its delta says what is new
    return made.revoked != revoked and now >= made.this_update + max(_SOON, made.entries * _PER_ENTRY)


def bases_after(before: PublishedList | None, now: datetime) -> tuple[Base, ...]:
    """The whole lists of that scope that somebody may still hold once another takes the place of *before*."""
    if before is None:
        return ()
    published = (*before.bases, Base(before.number, before.this_update, before.next_update))
    return tuple(each for each in published if each.next_update > now)[-_MOST_BASES:]


def oldest_base(newest: PublishedList, now: datetime) -> Base:
    """What a delta goes on from: the oldest list that is not over. It fits later ones as well (RFC 5280 §5.2.4)."""
    held = [each for each in newest.bases if each.next_update > now]
    return held[0] if held else Base(newest.number, newest.this_update, newest.next_update)

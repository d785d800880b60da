"""A CA grants more, or less, than it did: what was drawn stays drawn, and whoever waits looks again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from evercert.base.clock import to_epoch
from evercert.db.protocol import Database, Statement
from evercert.engine.limits.budget import interval, limits_of
from evercert.model.access import CaAccess
from evercert.store import accounts, budgets, cas, certificates, lanes

__all__ = ["configure"]


async def configure(db: Database, access: CaAccess, now: datetime) -> None:
    """Afterwards the CA is gone to like this, and its limits are these, also for what was drawn before. Nothing is
    known then against an external account that is given otherwise than before. Idempotent."""
    before = await cas.access(db, access.directory)
    lifted = [lanes.lifted(access.directory, now)] if before.concurrency and not access.concurrency else []
    anew = {kid for kid, _, _ in access.bindings - before.bindings}
    given = [accounts.given_anew(access.directory, kid) for kid in sorted(anew)]
    await cas.configure(db, access, *_overridden(before, access, now), *lifted, *given)


def _overridden(before: CaAccess, access: CaAccess, now: datetime) -> Iterator[Statement]:
    known = {limit.scope: limit for limit in limits_of(before)}
    limits = {limit.scope: limit for limit in limits_of(access)}
    if known == limits:
        return
    changes = [
        (scope.word, (interval(limit), interval(limits[scope])), limits[scope].count)
        for scope, limit in known.items()
        if scope in limits and limits[scope] != limit
    ]
    # Before any bucket is touched: whoever gives back takes his issuance first, then its buckets.
    for word, steps, most in changes:
        yield budgets.reserved_anew(access.directory, word, now=to_epoch(now), steps=steps, most=most)
    for scope, limit in known.items():
        # Where there is none any more, nobody waits behind others.
        granted = limits.get(scope, limit)
        steps = interval(limit), interval(granted)
        yield from budgets.overridden(access.directory, scope.word, now=to_epoch(now), steps=steps, most=granted.count)
    yield certificates.called(access.directory, now)

"""The ledger's first entries: what was used of the CAs' limits before it counted."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from evercert.acme.cas import Limit, LimitScope
from evercert.base.clock import Clock
from evercert.db.protocol import Database
from evercert.engine.limits import budget
from evercert.store import accounts, budgets, cas, quotas
from evercert.store.budgets import Bucket
from evercert.store.quotas import Use

__all__ = ["seed"]

# What history tells of; failures and new accounts are forgotten within hours.
_ORDERS: Final = {LimitScope.ORDERS_PER_ACCOUNT}
_CERTIFICATES: Final = {LimitScope.CERTIFICATES_PER_DOMAIN, LimitScope.CERTIFICATES_PER_SET}


async def seed(db: Database, clock: Clock) -> None:
    """Afterwards the ledger knows what was used lately of the limits of each CA at which nothing was counted yet: of
    a home that was adopted, or is older than the ledger. Idempotent."""
    for ca in sorted({account.ca for account in await accounts.listed(db)}):
        limits = [each for each in budget.limits_of(await cas.access(db, ca)) if each.scope in _ORDERS | _CERTIFICATES]
        if limits and not await budgets.is_known(db, ca):
            longest = max((limit.period for limit in limits), default=timedelta())
            uses = await quotas.used_since(db, ca, clock.now() - longest)
            if known := _buckets(ca, limits, uses):
                await budgets.seed(db, known)


def _buckets(ca: str, limits: Iterable[Limit], uses: Iterable[Use]) -> list[Bucket]:
    moments: defaultdict[tuple[Limit, str], list[int]] = defaultdict(list)
    for limit in limits:
        for use in uses:
            if _counts(limit, use):
                for draw in budget.draws_on(limit, use.account, use.identifiers):
                    moments[limit, draw.subject].append(use.at)
    return [
        Bucket((ca, limit.scope.word, subject), budget.replayed(limit, used))
        for (limit, subject), used in sorted(moments.items(), key=lambda each: (each[0][0].scope.word, each[0][1]))
    ]


def _counts(limit: Limit, use: Use) -> bool:
    return not (limit.ari_exempt and use.replaces) and (limit.scope in _ORDERS or use.certified)

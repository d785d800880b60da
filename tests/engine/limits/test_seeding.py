"""A home that is older than the ledger, or came from elsewhere, does not begin with full buckets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from evercert.acme.cas import known_ca
from evercert.base.clock import to_epoch
from evercert.db.protocol import Database
from evercert.engine.limits import budget
from evercert.engine.limits.remaining import remaining_for
from evercert.engine.limits.seeding import seed
from evercert.model.access import CaAccess
from evercert.store import accounts, budgets, cas, certificates, issuances, issued, keys
from evercert.store.opening import open_store
from tests.fakes.clock import FakeClock
from tests.store import given
from tests.store.given import DAY, HOUR, NOW

CA = known_ca("letsencrypt").directory
INTENT = msgspec.structs.replace(given.intent("www"), ca=CA)


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    async with open_store(tmp_path / "evercert.db") as opened:
        key_id = await keys.add(opened, given.SEALER, given.KEY, "account", NOW)
        await accounts.add(opened, CA, "default", key_id, now=NOW, url="https://a.test/account")
        await certificates.declare(opened, INTENT, NOW)
        yield opened


async def ordered(db: Database, number: int, *, replaces: str = "", ends: str = "issued") -> None:
    """One order, as it was before there was a ledger."""
    account = await accounts.find(db, CA, "default")
    assert account is not None
    begun = await issuances.begin(db, "www", account.id, None, b"csr", replaces=replaces, now=NOW)
    placing = await issuances.placing(db, begun)
    if ends == "issued":
        placed = await issuances.ordered(
            db, placing, f"https://a.test/{number}", ca="https://ca.test", adopted=False, now=NOW
        )
        await issuances.issued(db, placed, given.chain(number), given.view(number), now=NOW)
    else:
        await issuances.abandon(db, placing, "lost", now=NOW)


async def left(db: Database) -> dict[str, int]:
    found = await remaining_for(db, INTENT, NOW)
    return {each.scope: each.left for each in found if not each.scope.startswith("failures")}


async def test_history_counts_until_the_ledger_does(db: Database) -> None:
    await ordered(db, 1)
    await ordered(db, 2, replaces="aki.1")
    await ordered(db, 3, ends="abandoned")
    await seed(db, FakeClock(NOW))
    # What named its predecessor is exempt; what came to nothing was an order, and no certificate.
    assert await left(db) == {"orders": 298, "domain": 49, "set": 4}
    await ordered(db, 4)
    await seed(db, FakeClock(NOW))
    assert await left(db) == {"orders": 298, "domain": 49, "set": 4}


async def test_what_another_program_had_ordered_counts_as_well(db: Database) -> None:
    await issued.keep(db, "www", given.chain(1), given.view(1, not_before=NOW - HOUR), None, now=NOW)
    await seed(db, FakeClock(NOW))
    assert (await left(db))["set"] == 4


async def test_what_is_long_ago_does_not_count(db: Database) -> None:
    await ordered(db, 1)
    await seed(db, FakeClock(NOW + 8 * DAY))
    assert await budgets.at(db, CA) == []


async def test_what_is_left_is_told_with_the_moment_at_which_there_is_room(db: Database) -> None:
    [limit] = [each for each in budget.limits_of(CaAccess(CA)) if each.scope.word == "domain"]
    tat = to_epoch(NOW) + limit.count * budget.interval(limit)
    await budgets.seed(db, [budgets.Bucket((CA, "domain", "example.test"), tat)])
    [told] = [each for each in await remaining_for(db, INTENT, NOW) if each.scope == "domain"]
    assert str(told) == (
        "0 of 50 certificates per registered domain in 7 days are left (example.test); "
        "there is room from 2026-01-02 08:09 UTC on"
    )


async def test_a_ca_without_limits_has_nothing_to_tell(db: Database) -> None:
    await cas.configure(db, CaAccess("https://ca.test/directory"))
    elsewhere = msgspec.structs.replace(INTENT, ca="https://ca.test/directory")
    assert await remaining_for(db, elsewhere, NOW + timedelta(days=1)) == []

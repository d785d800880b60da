"""What goes, and what never does."""

from __future__ import annotations

from datetime import timedelta

import pytest

from evercert.base.errors import EvercertError
from evercert.db.protocol import Database, Query, Row, Statement
from evercert.model.fact import DeployStatus
from evercert.pki.keys import KeyType, generate
from evercert.store import certificates, deployments, events, issuances, issued, keys, presented, retention
from evercert.store.retention import Pruned, Retention
from tests.store import given
from tests.store.given import DAY, NOW

POLICY = Retention(expired=7 * DAY, ended=7 * DAY, unused=DAY, events=10_000, event_age=timedelta(days=10_000))
LATER = NOW + 400 * DAY

NOTHING = Pruned(certificates=0, issuances=0, keys=0, chains=0, events=0)


async def renewed(db: Database, times: int) -> None:
    """A certificate with a key of its own each time."""
    await given.declared(db)
    account = await given.account(db)
    for number in range(1, times + 1):
        key_id = await keys.add(db, given.SEALER, generate(KeyType.ED25519), "certificate", NOW)
        issuance = await issuances.begin(db, "www", account.id, key_id, b"csr", now=NOW)
        issuance = await issuances.placing(db, issuance)
        issuance = await issuances.ordered(
            db, issuance, f"https://ca.test/o/{number}", ca="https://ca.test", adopted=False, now=NOW
        )
        await issuances.issued(db, issuance, (given.leaf(number), b"ca %d" % number), given.view(number), now=NOW)


async def test_superseded_certificates_go_with_their_keys_chains_and_issuances(db: Database) -> None:
    await renewed(db, 4)
    pruned = await retention.prune(db, LATER, POLICY)
    assert pruned == Pruned(certificates=3, issuances=3, keys=3, chains=3, events=0)
    assert await retention.prune(db, LATER, POLICY) == NOTHING


class Referred:
    """A database in which somebody keeps a certificate with a chain whenever it is pruned, so many *times*."""

    def __init__(self, db: Database, times: int) -> None:
        self._db, self._times = db, times
        self.rows, self.read, self.scan = db.rows, db.read, db.scan
        self.listen, self.notify, self.close = db.listen, db.notify, db.close

    async def write(self, *statements: Statement) -> list[list[Row]]:
        if self._times and statements[0].query.name == "prune chains":
            self._times -= 1
            raise EvercertError("conflict", "a row is referred to")
        return await self._db.write(*statements)


@pytest.mark.parametrize(("times", "chains"), [(2, 3), (1000, 0)])
async def test_a_chain_that_somebody_begins_to_need_stops_nothing(db: Database, times: int, chains: int) -> None:
    await renewed(db, 4)
    pruned = await retention.prune(Referred(db, times), LATER, POLICY)
    assert pruned == Pruned(certificates=3, issuances=3, keys=3, chains=chains, events=0)


async def test_the_current_certificate_stays_with_all_that_belongs_to_it_even_expired(db: Database) -> None:
    await renewed(db, 2)
    await retention.prune(db, LATER, POLICY)
    fact = await certificates.fact(db, "www")
    assert fact is not None
    assert fact.current is not None
    assert fact.current.key_id is not None
    assert fact.current.issuance_id is not None
    assert await issuances.get(db, fact.current.issuance_id) is not None
    assert await issued.body(db, fact.current.id) == (given.leaf(2), (b"ca 2",))
    await keys.load(db, given.SEALER, fact.current.key_id)


async def test_nothing_goes_before_its_time(db: Database) -> None:
    await renewed(db, 3)
    await keys.add(db, given.SEALER, generate(KeyType.ED25519), "certificate", NOW)
    assert await retention.prune(db, NOW + DAY, POLICY) == NOTHING


async def test_what_is_still_installed_somewhere_stays(db: Database) -> None:
    old = await given.issued(db, number=1)
    await deployments.put(db, given.deployment(old, DeployStatus.SERVED), NOW)
    await given.issued(db, number=2)
    await retention.prune(db, LATER, POLICY)
    assert await issued.get(db, old.id) == old


async def test_an_issuance_with_something_left_outside_stays(db: Database) -> None:
    issuance = await given.ordered(db)
    items = await presented.add(db, [given.item(issuance)])
    await issuances.abandon(db, issuance, "invalid", now=NOW)
    await retention.prune(db, LATER, POLICY)
    assert await given.left_over(db, "www") == items
    await presented.remove(db, items)
    assert (await retention.prune(db, LATER, POLICY)).issuances == 1


async def test_an_open_issuance_and_its_key_stay_however_old(db: Database) -> None:
    await given.declared(db)
    key_id = await keys.add(db, given.SEALER, generate(KeyType.ED25519), "certificate", NOW)
    account = await given.account(db)
    issuance = await issuances.begin(db, "www", account.id, key_id, b"csr", now=NOW)
    assert await retention.prune(db, LATER, POLICY) == NOTHING
    assert await issuances.get(db, issuance.id) == issuance
    await keys.load(db, given.SEALER, key_id)


async def test_every_table_is_bounded_after_years_of_renewals(db: Database) -> None:
    now = NOW
    for number in range(1, 61):
        now += 60 * DAY
        await given.issued(db, number=number, now=now)
        await retention.prune(db, now, Retention(events=20))
    for table in ("issued", "issued_bodies", "issuances", "chains", "keys"):
        ((count,),) = await db.rows(Query("count", f"SELECT count(*) FROM {table}")())
        assert count <= 4, table
    assert await events.verify(db) <= 25

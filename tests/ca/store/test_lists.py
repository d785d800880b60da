"""Revocations and lists, as they are kept."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest

from evercert.base.errors import EvercertError
from evercert.ca.nouns import Certificate
from evercert.ca.store import crls, leases, ocsp, revocations
from evercert.ca.store.certificates import added, revoked
from evercert.ca.store.crls import Base, ListKey, PublishedList
from evercert.ca.store.schema import MIGRATIONS
from evercert.db.migrate import Migration
from evercert.db.opening import Place, open_database
from evercert.db.protocol import Database

NOW = datetime(2026, 1, 1, tzinfo=UTC)
DAY, SECOND = timedelta(days=1), timedelta(seconds=1)


@pytest.fixture
async def db(new_place: Callable[[Sequence[Migration]], Place]) -> AsyncIterator[Database]:
    async with open_database(new_place(MIGRATIONS), MIGRATIONS) as opened:
        yield opened


def certificate(number: int, *, partition: int = 0, not_after: datetime = NOW + 90 * DAY) -> Certificate:
    return Certificate(
        serial=f"{number:x}",
        account_id=1,
        order_id=1,
        issuer="one",
        profile="default",
        identifiers=(),
        not_before=NOW,
        not_after=not_after,
        issued_at=NOW,
        key_digest="",
        crl_partition=partition,
    )


def a_list(number: int, octets: bytes = b"", **more: Any) -> PublishedList:
    made = PublishedList(ListKey("one"), number, NOW, NOW + DAY, 0, 0, len(octets), sha256(octets).hexdigest())
    return replace(made, **more)


async def listed(db: Database, partition: int = 0, since: datetime | None = None) -> list[bytes]:
    portions = [portion async for portion in revocations.entries(db, "one", partition, since)]
    return [entry for portion in portions for entry in portion]


async def test_entries_come_in_the_order_of_their_revocation_whatever_their_number(db: Database) -> None:
    at_once = 2_500  # more than one portion, and many in one moment
    for start in range(0, at_once, 500):
        moment = NOW + start // 1000 * SECOND
        statements = [revocations.added(certificate(n), 1, moment) for n in range(start, start + 500)]
        await db.write(*(each for pair in statements for each in pair))
    found = await listed(db)
    assert len(set(found)) == len(found) == at_once
    assert len(await listed(db, since=NOW + SECOND)) == 1_500
    assert await listed(db, partition=1) == []


async def test_a_scope_counts_its_own_revocations(db: Database) -> None:
    await crls.add_scopes(db, "one", range(3))
    await db.write(*revocations.added(certificate(1, partition=2), 1, NOW))
    await db.write(*revocations.added(certificate(2, partition=2), 1, NOW))
    await crls.add_scopes(db, "one", range(3))
    scopes, lists = await crls.of_issuer(db, "one")
    assert (scopes, lists) == ({0: 0, 1: 0, 2: 2}, [])
    assert await crls.draw_number(db, "one", 2) == (1, 2)


async def test_no_number_is_drawn_twice(db: Database) -> None:
    await crls.add_scopes(db, "one", [0])
    drawn = await asyncio.gather(*(crls.draw_number(db, "one", 0) for _ in range(50)))
    assert sorted(number for number, _ in drawn) == list(range(1, 51))
    with pytest.raises(EvercertError, match="draw number"):
        await crls.draw_number(db, "other", 0)


async def test_a_list_is_what_was_published(db: Database) -> None:
    octets = bytes(range(256)) * 3_000  # three pieces
    made = a_list(1, octets, base=0, bases=(Base(1, NOW, NOW + DAY),), entries=7, revoked=9)
    await crls.publish(db, made, [octets[:5], octets[5:]])
    assert await crls.get(db, made.key) == made
    assert await crls.body(db, made) == octets
    assert await crls.get(db, replace(made.key, delta=True)) is None


async def test_the_next_list_takes_the_place_of_the_one_before_which_is_gone(db: Database) -> None:
    await crls.publish(db, a_list(1, b"first"), [b"first"])
    await crls.publish(db, a_list(2, b"second"), [b"second"])
    _, (newest,) = await crls.of_issuer(db, "one")
    assert await crls.body(db, newest) == b"second"
    assert await crls.body(db, a_list(1, b"first")) is None


async def test_a_list_that_was_overtaken_is_not_published(db: Database) -> None:
    await crls.publish(db, a_list(2, b"second"), [b"second"])
    with pytest.raises(EvercertError, match="publish list"):
        await crls.publish(db, a_list(1, b"first"), [b"first"])
    _, (newest,) = await crls.of_issuer(db, "one")
    assert await crls.body(db, newest) == b"second"


async def test_a_delta_and_its_base_stand_beside_each_other(db: Database) -> None:
    delta = a_list(2, b"delta", key=ListKey("one", delta=True), base=1)
    await crls.publish(db, a_list(1, b"base"), [b"base"])
    await crls.publish(db, delta, [b"delta"])
    _, lists = await crls.of_issuer(db, "one")
    assert [await crls.body(db, each) for each in lists] == [b"base", b"delta"]


async def test_entries_are_forgotten_only_after_their_certificates_end(db: Database) -> None:
    for number, end in ((1, NOW + DAY), (2, NOW + 9 * DAY)):
        await db.write(*revocations.added(certificate(number, not_after=end), 1, NOW))
    late = certificate(3, not_after=NOW)
    await db.write(*revocations.added(late, 1, NOW + 3 * DAY))
    assert await revocations.forget_expired(db, "one", NOW + 2 * DAY, 100) == 1
    assert await revocations.forget_expired(db, "other", NOW + 20 * DAY, 100) == 0
    assert len(await listed(db)) == 2


async def test_a_lease_is_one_holders_until_he_gives_it_back_or_is_late(db: Database) -> None:
    assert await leases.take(db, "work", 1, NOW, NOW + DAY)
    assert not await leases.take(db, "work", 2, NOW, NOW + DAY)
    assert await leases.take(db, "work", 1, NOW, NOW + DAY)
    assert await leases.take(db, "other work", 2, NOW, NOW + DAY)
    await leases.give_back(db, "work", 2)
    assert not await leases.take(db, "work", 2, NOW, NOW + DAY)
    await leases.give_back(db, "work", 1)
    assert await leases.take(db, "work", 2, NOW, NOW + DAY)
    assert await leases.take(db, "work", 3, NOW + DAY, NOW + 2 * DAY)


async def test_an_answer_is_kept_only_for_a_certificate_that_is_not_revoked(db: Database) -> None:
    for number in (1, 2):
        await db.write(*added(certificate(number), b"der"))
    await db.write(revoked("2", 1, NOW))
    for serial in ("1", "2"):
        await db.write(ocsp.kept(serial, ocsp.Signed(b"newer", NOW, NOW + DAY)))
        await db.write(ocsp.kept(serial, ocsp.Signed(b"older", NOW - DAY, NOW)))
    (row,), nothing = await db.read(ocsp.signed("1"), ocsp.signed("2"))
    assert (ocsp.signed_from(row).der, nothing) == (b"newer", [])
    first, second = await ocsp.page(db, "", 100)
    assert (first.answered_at, first.is_revoked) == (NOW, False)
    assert (second.answered_at, second.is_revoked) == (None, True)
    await db.write(ocsp.dropped("1"))
    assert await db.rows(ocsp.signed("1")) == []

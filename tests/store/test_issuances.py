"""Issuances: each step once, in order, and one winner of every race."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import msgspec
import pytest

from evercert.base.errors import EvercertError
from evercert.db.protocol import Database
from evercert.model.event import CertificateIssued, OrderPlaced
from evercert.model.fact import Failure, Issuance, IssuanceStatus
from evercert.store import certificates, events, issuances, issued, presented
from tests.store import given
from tests.store.given import HOUR, NOW

Transition = Callable[[Database, Issuance], Awaitable[object]]


def order(db: Database, issuance: Issuance) -> Awaitable[object]:
    return issuances.ordered(db, issuance, "https://ca.test/order/x", ca="https://ca.test", adopted=False, now=NOW)


def issue(db: Database, issuance: Issuance) -> Awaitable[object]:
    return issuances.issued(db, issuance, given.chain(9), given.view(9), now=NOW)


def abandon(db: Database, issuance: Issuance) -> Awaitable[object]:
    return issuances.abandon(db, issuance, "given up", now=NOW)


async def conflicts(attempt: Awaitable[object]) -> bool:
    try:
        await attempt
    except EvercertError as error:
        if error.code.name != "conflict":
            raise
        return True
    return False


async def test_an_issuance_goes_from_key_to_certificate(db: Database) -> None:
    begun = await given.begun(db)
    assert begun.status is IssuanceStatus.KEYED
    placing = await issuances.placing(db, begun)
    assert placing == msgspec.structs.replace(begun, status=IssuanceStatus.PLACING)
    ordered = await issuances.ordered(
        db, placing, "https://ca.test/order/7", ca="https://ca.test", adopted=True, now=NOW
    )
    assert ordered == await issuances.get(db, begun.id)
    assert (ordered.status, ordered.order_url) == (IssuanceStatus.ORDERED, "https://ca.test/order/7")
    certificate = await issuances.issued(db, ordered, given.chain(5), given.view(5), now=NOW)
    assert await issued.current(db, "www") == certificate
    assert (certificate.issuance_id, certificate.serial) == (begun.id, f"{5:032x}")
    ended = await issuances.get(db, begun.id)
    assert ended == msgspec.structs.replace(ordered, status=IssuanceStatus.ISSUED, csr=b"")
    assert await issued.body(db, certificate.id) == (given.leaf(5), (b"issuer", b"root"))
    told = [each.event for each in await events.latest(db, 2, "www")]
    assert isinstance(told[0], CertificateIssued)
    assert told[1] == OrderPlaced("www", ca="https://ca.test", order_url="https://ca.test/order/7", adopted=True)


async def test_a_second_issuance_cannot_begin_while_one_is_open(db: Database) -> None:
    first = await given.begun(db)
    assert await conflicts(given.begun(db))
    await abandon(db, first)
    assert (await given.begun(db)).id != first.id


async def test_of_many_that_begin_at_once_one_does(db: Database) -> None:
    await given.declared(db)
    await given.account(db)
    lost = await asyncio.gather(*(conflicts(given.begun(db)) for _ in range(10)))
    assert lost.count(False) == 1


@pytest.mark.parametrize("transition", [order, issue, abandon])
async def test_of_many_racers_for_a_step_one_wins(db: Database, transition: Transition) -> None:
    begun = await given.begun(db)
    issuance = await issuances.placing(db, begun)
    if transition is issue:
        issuance = await issuances.ordered(
            db, issuance, "https://ca.test/order/1", ca="https://ca.test", adopted=False, now=NOW
        )
    lost = await asyncio.gather(*(conflicts(transition(db, issuance)) for _ in range(10)))
    assert lost.count(False) == 1


async def test_placing_may_be_repeated_because_its_answer_may_be_lost(db: Database) -> None:
    begun = await given.begun(db)
    assert await issuances.placing(db, begun) == await issuances.placing(db, begun)


async def test_an_order_is_not_kept_before_placing_and_a_certificate_not_before_the_order(db: Database) -> None:
    begun = await given.begun(db)
    assert await conflicts(order(db, begun))
    assert await conflicts(issue(db, begun))
    assert await conflicts(issue(db, await issuances.placing(db, begun)))
    assert await issued.current(db, "www") is None


async def test_what_has_ended_takes_no_further_step(db: Database) -> None:
    issuance = await given.ordered(db)
    await issue(db, issuance)
    for transition in (order, issue, abandon):
        assert await conflicts(transition(db, issuance))
    assert await conflicts(presented.add(db, [given.item(issuance)]))


async def test_one_order_is_finished_by_one_issuance_only(db: Database) -> None:
    first = await issuances.placing(db, await given.begun(db, "one"))
    second = await issuances.placing(db, await given.begun(db, "two"))
    await order(db, first)
    assert await conflicts(order(db, second))
    await abandon(db, first)
    await order(db, second)


async def test_a_predecessor_is_named_until_it_is_dropped(db: Database) -> None:
    await given.issued(db)
    account = await given.account(db)
    begun = await issuances.begin(db, "www", account.id, None, b"csr", replaces="aki.1", profile="shortlived", now=NOW)
    assert (begun.replaces, begun.profile) == ("aki.1", "shortlived")
    dropped = await issuances.drop_replaces(db, await issuances.placing(db, begun))
    assert (dropped.replaces, dropped.status) == ("", IssuanceStatus.PLACING)


async def test_a_new_certificate_ends_failures_and_force_and_is_due_at_once(db: Database) -> None:
    issuance = await given.ordered(db)
    await certificates.failed(db, "www", Failure("dns", "no answer", NOW), 3, NOW + HOUR)
    await certificates.wake(db, "www", NOW, forced=True)
    await issuances.issued(db, issuance, given.chain(1), given.view(1), now=NOW + HOUR)
    fact = await certificates.fact(db, "www")
    assert fact is not None
    assert (fact.failures, fact.retry_at, fact.failure, fact.forced) == (0, None, None, False)
    assert fact.open_issuance is None
    assert await certificates.next_action_at(db) == NOW + HOUR


async def test_the_orders_that_we_know_are_those_of_every_issuance_of_the_account(db: Database) -> None:
    await given.issued(db)
    second = await given.ordered(db)
    await abandon(db, second)
    third = await given.begun(db)
    urls = await issuances.known_order_urls(db, third.account_id)
    assert urls == {"https://ca.test/order/1", second.order_url}
    assert await issuances.known_order_urls(db, third.account_id + 1) == frozenset()

"""Lists, made on each database and read by others (RFC 5280 §5)."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.x509 import ReasonFlags

from evercert.base.clock import SystemClock
from evercert.ca.issuing.issuers import Issuers
from evercert.ca.revoking import REVOKED
from evercert.ca.status.making import ListMaker
from evercert.ca.status.places import path_of
from evercert.ca.status.rules import StatusRules
from evercert.ca.store import crls, leases
from evercert.ca.store.crls import ListKey
from evercert.db.protocol import Database
from evercert.pki.keys import KeyType
from tests.ca.status.given import BASE, DAY, HOUR, ONE, TWO, issuer, number, registry, serials
from tests.pki.hierarchies import NOW

DELTA = ListKey(ONE, delta=True)


async def test_a_new_issuer_has_a_list_with_nothing_on_it(db: Database) -> None:
    its = registry(db)
    await its.maker.look()
    found = await its.crl()
    assert (number(found), list(found)) == (1, [])
    assert found.last_update_utc == NOW
    assert found.next_update_utc == NOW + 3 * DAY
    assert {each.oid for each in found.extensions} == {
        x509.CRLNumber.oid,
        x509.AuthorityKeyIdentifier.oid,
    }


async def test_what_is_revoked_is_on_the_next_list_with_its_moment_and_reason(db: Database) -> None:
    its = registry(db)
    await its.maker.look()
    its.clock.advance(HOUR)
    gone = await its.revoked(reason=4)
    assert await its.due() == [ListKey(ONE)]
    await its.maker.look()
    (entry,) = list(await its.crl())
    assert f"{entry.serial_number:x}" == gone.serial
    assert entry.revocation_date_utc == NOW + HOUR
    assert entry.extensions.get_extension_for_class(x509.CRLReason).value.reason is ReasonFlags.superseded
    assert await its.due() == []


async def test_looking_again_makes_nothing(db: Database) -> None:
    its = registry(db)
    await its.revoked()
    for _ in range(3):
        await its.maker.look()
    assert number(await its.crl()) == 1


async def test_each_issuer_has_lists_of_its_own_a_retired_one_too(db: Database) -> None:
    its = registry(db, Issuers([issuer(), issuer(TWO, KeyType.RSA2048, active=False, wants_thread=True)]))
    gone = await its.revoked(TWO)
    await its.maker.look()
    assert serials(await its.crl()) == set()
    assert serials(await its.crl(ListKey(TWO))) == {gone.serial}


async def test_an_issuer_that_has_ended_has_no_new_list(db: Database) -> None:
    its = registry(db)
    its.clock.advance(6 * 365 * DAY)
    await its.maker.look()
    assert await crls.get(db, ListKey(ONE)) is None


async def test_a_list_of_more_than_a_few_is_made_beside_the_loop(one_db: Database) -> None:
    its = registry(one_db)
    gone = {(await its.revoked()).serial for _ in range(600)}
    await its.maker.look()
    assert serials(await its.crl()) == gone


async def test_parts_have_what_points_to_them_and_say_so(db: Database) -> None:
    its = registry(db, rules=StatusRules(partitions=3))
    gone = [await its.revoked() for _ in range(12)]
    await its.maker.look()
    assert serials(await its.crl()) == {each.serial for each in gone}
    for part in (1, 2, 3):
        found = await its.crl(ListKey(ONE, part))
        assert serials(found) == {each.serial for each in gone if each.crl_partition == part}
        point = found.extensions.get_extension_for_class(x509.IssuingDistributionPoint)
        (url,) = point.value.full_name or ()
        assert (point.critical, url.value) == (True, f"{BASE}/crl/one/{part}.crl")
    leaf = x509.load_der_x509_certificate(await its.der(gone[0]))
    (pointed,) = leaf.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    assert [each.value for each in pointed.full_name or ()] == [
        BASE + path_of(ListKey(ONE, gone[0].crl_partition)),
    ]


async def test_certificates_of_before_the_parts_stay_on_the_whole_and_those_of_other_parts_on_theirs(
    db: Database,
) -> None:
    before = registry(db)
    old = await before.issued()
    its = before.beside(partitions=5)
    parted = [await its.issued() for _ in range(10)]
    after = before.beside(partitions=2)
    for each in (old, *parted):
        await after.revoke(each)
    await after.maker.look()
    assert serials(await after.crl()) == {each.serial for each in (old, *parted)}
    for part in {each.crl_partition for each in parted}:
        own = {each.serial for each in parted if each.crl_partition == part}
        assert serials(await after.crl(ListKey(ONE, part))) == own


async def test_a_delta_has_what_came_since_its_base_which_says_where_it_is(db: Database) -> None:
    its = registry(db, rules=StatusRules(delta_every=HOUR))
    first = await its.revoked()
    its.clock.advance(2 * HOUR)
    await its.maker.look()
    its.clock.advance(2 * HOUR)
    second = await its.revoked()
    await its.maker.look()
    base, delta = await its.crl(), await its.crl(DELTA)
    assert serials(base) == {first.serial}
    assert serials(delta) == {second.serial}
    (where,) = base.extensions.get_extension_for_class(x509.FreshestCRL).value
    assert [each.value for each in where.full_name or ()] == [f"{BASE}/crl/one/whole-delta.crl"]
    indicator = delta.extensions.get_extension_for_class(x509.DeltaCRLIndicator)
    assert (indicator.critical, indicator.value.crl_number) == (True, number(base))
    assert number(delta) > number(base)


async def test_the_delta_of_a_part_is_about_that_part(db: Database) -> None:
    its = registry(db, rules=StatusRules(partitions=2, delta_every=HOUR))
    await its.maker.look()
    its.clock.advance(2 * HOUR)
    gone = await its.revoked()
    await its.maker.look()
    key = ListKey(ONE, gone.crl_partition, delta=True)
    found = await its.crl(key)
    assert serials(found) == {gone.serial}
    (url,) = found.extensions.get_extension_for_class(x509.IssuingDistributionPoint).value.full_name or ()
    assert url.value == f"{BASE}/crl/one/{gone.crl_partition}.crl"


async def test_whoever_holds_an_older_list_that_is_not_over_is_served_by_the_delta(db: Database) -> None:
    its = registry(db, rules=StatusRules(delta_every=HOUR, crl_life=DAY))
    await its.maker.look()
    oldest = number(await its.crl())
    its.clock.advance(2 * HOUR)
    gone = await its.revoked()
    for _ in range(3):
        its.clock.advance(6 * HOUR)
        await its.maker.look()
    delta = await its.crl(DELTA)
    assert number(await its.crl()) > oldest
    assert delta.extensions.get_extension_for_class(x509.DeltaCRLIndicator).value.crl_number == oldest
    assert serials(delta) == {gone.serial}
    its.clock.advance(6 * HOUR)
    await its.maker.look()
    delta = await its.crl(DELTA)
    assert delta.extensions.get_extension_for_class(x509.DeltaCRLIndicator).value.crl_number > oldest


async def test_an_expired_certificate_leaves_after_one_further_list(db: Database) -> None:
    its = registry(db)
    short, long = await its.revoked(life=DAY), await its.revoked()
    await its.maker.look()
    its.clock.advance(DAY + 2 * HOUR)
    await its.maker.look()
    assert serials(await its.crl()) == {short.serial, long.serial}
    its.clock.advance(DAY)
    await its.maker.look()
    assert serials(await its.crl()) == {long.serial}


async def test_no_list_is_ever_over_though_its_makers_are_away_for_two_days_at_a_time(one_db: Database) -> None:
    its = registry(one_db, rules=StatusRules(delta_every=HOUR, crl_life=3 * DAY))
    await its.maker.look()
    before = 0
    for _ in range(40):
        its.clock.advance(its.rng.random() * 48 * HOUR)
        assert (await its.crl()).next_update_utc > its.clock.now()
        await its.revoked(life=5 * DAY)
        await its.maker.look()
        found = number(await its.crl())
        assert found >= before
        before = found
    assert len(list(await its.crl())) < 20  # those whose certificates are over have left


async def test_a_scope_that_is_new_has_its_lists_at_once(db: Database) -> None:
    its = registry(db)
    await its.maker.look()
    more = its.beside(partitions=150)
    await more.maker.look()
    assert number(await more.crl(ListKey(ONE, 150))) == 1
    assert await more.due() == []


async def test_two_nodes_make_a_list_once_and_numbers_never_go_back(db: Database) -> None:
    one = registry(db)
    other = one.beside()
    seen = []
    for _ in range(5):
        one.clock.advance(HOUR)
        gone = await one.revoked()
        await asyncio.gather(*(each.maker.look() for each in (one, other, one, other)))
        found = await one.crl()
        assert gone.serial in serials(found)
        seen.append(number(found))
        assert await other.crl() == found
    assert seen == sorted(set(seen))
    assert len(seen) == 5


async def test_a_node_that_dies_over_a_list_is_taken_over_from(db: Database) -> None:
    its = registry(db)
    now = its.clock.now()
    await leases.take(db, f"list {path_of(ListKey(ONE))}", 42, now, now + timedelta(minutes=5))
    await its.maker.look()
    assert await crls.get(db, ListKey(ONE)) is None
    its.clock.advance(timedelta(minutes=6))
    await its.maker.look()
    assert number(await its.crl()) == 1


async def test_an_issuer_that_cannot_sign_keeps_no_other_from_its_list(
    one_db: Database, caplog: pytest.LogCaptureFixture
) -> None:
    whole = registry(one_db, Issuers([issuer(), issuer(TWO)]))
    broken = replace(whole.rules, crl_life=timedelta(0))
    await registry(one_db, Issuers([issuer()]), broken, clock=whole.clock).maker.look()
    assert "the list /crl/one/whole.crl could not be made" in caplog.text
    with caplog.at_level(logging.CRITICAL):
        await whole.maker.look()
    assert number(await whole.crl(ListKey(TWO))) == 1
    assert number(await whole.crl()) == 2  # the number that was drawn before is used up


async def test_all_are_made_when_an_operator_says_so(db: Database) -> None:
    its = registry(db, rules=StatusRules(partitions=2, delta_every=HOUR))
    first = await its.maker.make_all()
    second = await its.maker.make_all()
    assert [each.key for each in first] == [each.key for each in second]
    assert len(first) == 6
    assert all(new.number > old.number for old, new in zip(first, second, strict=True))


async def test_a_revocation_wakes_whoever_makes_lists(one_db: Database) -> None:
    its = registry(one_db)
    maker = ListMaker(one_db, SystemClock(), its.rng, its.issuers, its.rules, BASE)
    with one_db.listen(REVOKED) as news:
        turn = asyncio.create_task(maker.tend(news))
        await maker.looked.wait()
        await its.revoked()
        await asyncio.wait_for(turn, 30)  # without news it would be a minute

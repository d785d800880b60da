"""Issued certificates, and what CAs say about renewing them."""

from __future__ import annotations

import msgspec
import pytest

from evercert.base.errors import EvercertError
from evercert.db.protocol import Database, Query
from evercert.model.event import CertificateRevoked, RenewalMoved
from evercert.model.fact import Renewal
from evercert.store import certificates, events, issued, renewals
from tests.store import given
from tests.store.given import DAY, HOUR, NOW

WINDOW = Renewal(NOW + 10 * DAY, NOW + 12 * DAY, NOW + 11 * DAY, NOW + HOUR, "https://ca.test/why")


async def test_the_newest_is_current_and_the_others_are_history(db: Database) -> None:
    first = await given.issued(db, number=1)
    second = await given.issued(db, number=2)
    assert await issued.current(db, "www") == second
    assert await issued.history(db, "www") == [second, first]
    assert await issued.current(db, "mail") is None


async def test_a_chain_is_kept_once_however_many_certificates_have_it(db: Database) -> None:
    for number, name in enumerate(("one", "two", "three"), 1):
        await given.issued(db, name, number)
    assert await db.rows(Query("links", "SELECT count(*) FROM chain_certificates")()) == [(2,)]


async def test_a_certificate_without_issuers_is_kept_without(db: Database) -> None:
    await given.declared(db)
    kept = await issued.keep(db, "www", (given.leaf(3),), given.view(3), None, now=NOW)
    assert await issued.body(db, kept.id) == (given.leaf(3), ())


async def test_a_certificate_from_elsewhere_becomes_current_once(db: Database) -> None:
    await given.declared(db)
    kept = await issued.keep(db, "www", given.chain(3), given.view(3), None, now=NOW)
    assert kept.issuance_id is None
    assert await issued.current(db, "www") == kept
    with pytest.raises(EvercertError) as caught:
        await issued.keep(db, "www", given.chain(3), given.view(3), None, now=NOW)
    assert caught.value.code.name == "conflict"


async def test_the_body_of_nothing_is_not_found(db: Database) -> None:
    with pytest.raises(EvercertError) as caught:
        await issued.body(db, 17)
    assert caught.value.code.name == "not-found"


async def test_a_revoked_certificate_is_due_for_replacement_at_once(db: Database) -> None:
    certificate = await given.issued(db)
    await certificates.schedule(db, "www", NOW + 60 * DAY)
    await issued.revoked(db, certificate.id, 1, NOW + HOUR)
    await issued.revoked(db, certificate.id, 4, NOW + DAY)
    fact = await certificates.fact(db, "www")
    assert fact is not None
    assert fact.current is not None
    assert fact.current.revoked_at == NOW + HOUR
    assert await certificates.next_action_at(db) == NOW + HOUR
    told = [each.event for each in await events.latest(db, 100, "www")]
    assert [event for event in told if isinstance(event, CertificateRevoked)] == [
        CertificateRevoked("www", certificate.serial, 1)
    ]


async def test_a_moment_stays_as_drawn_while_the_window_does(db: Database) -> None:
    certificate = await given.issued(db)
    await renewals.put(db, certificate.id, WINDOW, NOW)
    later = msgspec.structs.replace(WINDOW, moment=NOW + 10 * DAY + HOUR, poll_at=NOW + 7 * HOUR)
    await renewals.put(db, certificate.id, later, NOW)
    fact = await certificates.fact(db, "www")
    assert fact is not None
    assert fact.renewal == msgspec.structs.replace(WINDOW, poll_at=NOW + 7 * HOUR)
    assert fact.ari_poll_at == NOW + 7 * HOUR
    assert not [each for each in await events.latest(db, 100, "www") if isinstance(each.event, RenewalMoved)]


async def test_a_moved_window_moves_the_moment_and_is_an_event(db: Database) -> None:
    certificate = await given.issued(db)
    await renewals.put(db, certificate.id, WINDOW, NOW)
    now_or_never = Renewal(NOW - DAY, NOW, NOW - HOUR, NOW + HOUR, "https://ca.test/incident")
    await renewals.put(db, certificate.id, now_or_never, NOW)
    assert await renewals.get(db, certificate.id) == now_or_never
    newest = (await events.latest(db, 1, "www"))[0].event
    assert newest == RenewalMoved("www", (NOW - HOUR).isoformat(), "https://ca.test/incident")


async def test_a_new_certificate_is_asked_about_anew(db: Database) -> None:
    await renewals.put(db, (await given.issued(db, number=1)).id, WINDOW, NOW)
    await given.issued(db, number=2)
    fact = await certificates.fact(db, "www")
    assert fact is not None
    assert (fact.renewal, fact.ari_poll_at) == (None, None)


async def test_a_window_of_what_was_pruned_is_ignored(db: Database) -> None:
    await renewals.put(db, 17, WINDOW, NOW)
    assert await renewals.get(db, 17) is None


async def test_the_next_poll_is_kept_where_the_ca_gave_no_window(db: Database) -> None:
    await given.issued(db)
    await renewals.ari_poll(db, "www", NOW + DAY)
    fact = await certificates.fact(db, "www")
    assert fact is not None
    assert (fact.renewal, fact.ari_poll_at) == (None, NOW + DAY)

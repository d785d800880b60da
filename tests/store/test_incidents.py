"""Incidents on both databases: what a selection finds, and who moves what when two try."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from evercert.base.errors import EvercertError
from evercert.db.protocol import Database, Query
from evercert.model.fact import DeployStatus, Failure, Hold, IssuedCertificate, Renewal
from evercert.model.incident import IncidentState, Measures, Selection, Stage
from evercert.store import (
    certificates,
    deployments,
    events,
    incident_stages,
    incidents,
    issuances,
    issued,
    keys,
    renewals,
)
from evercert.store.incidents import Member, Wave
from evercert.store.retention import Retention, prune
from tests.store import given
from tests.store.given import CA, DAY, HOUR, NOW

ALL = Selection(ca=CA)
LATER = NOW + HOUR


async def numbered(db: Database, *numbers: int) -> list[IssuedCertificate]:
    """Certificates `c1`, `c2` and so on, with those serial numbers, issued on the days of those numbers."""
    found = []
    for number in numbers:
        name = f"c{number:x}"
        view = replace(
            given.view(number, not_before=NOW + number * DAY), serial=f"{number:x}", issuer=f"Issuer R{number % 2}"
        )
        ordered = await given.ordered(db, name)
        found.append(await issuances.issued(db, ordered, given.chain(number), view, now=NOW + number * DAY))
    return found


async def serials(db: Database, *, superseded: bool = False, **said: Any) -> list[str]:
    found = await incidents.candidates(db, Selection(**said), LATER, superseded=superseded)
    return [each.serial for each in found]


async def opened(db: Database, *found: IssuedCertificate, waves: int = 1, measures: Measures | None = None) -> int:
    number = await incidents.begin(db, "a leak", ALL, measures or Measures(), NOW)
    members = [Member(each.id, 1 + place % waves) for place, each in enumerate(found)]
    await incidents.take(db, number, members, NOW)
    await incidents.open_(db, number, "a leak", len(found), NOW)
    return number


async def stages(db: Database, incident: int) -> list[str]:
    query = Query("s", "SELECT state FROM incident_certificates WHERE incident_id = :incident ORDER BY issued_id")
    return [state for (state,) in await db.rows(query(incident=incident))]


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ({"serial_from": "f"}, ["f", "10", "ff", "100"]),
        ({"serial_from": "10", "serial_to": "ff"}, ["10", "ff"]),
        ({"serial_to": "f"}, ["1", "f"]),
        ({"issued_from": NOW + 15 * DAY}, ["f", "10", "ff", "100"]),
        ({"issued_until": NOW + 15 * DAY}, ["1"]),
        ({"expires_before": NOW + 105 * DAY + HOUR}, ["1", "f"]),
        ({}, ["1", "f", "10", "ff", "100"]),
    ],
)
async def test_columns_tell_which_are_meant(db: Database, said: dict[str, Any], meant: list[str]) -> None:
    await numbered(db, 0x1, 0xF, 0x10, 0xFF, 0x100)
    assert await serials(db, **said) == meant


async def test_neither_what_is_revoked_nor_what_has_ended_is_meant(db: Database) -> None:
    [first, _] = await numbered(db, 1, 2)
    await issued.revoked(db, first.id, 4, NOW)
    assert await serials(db) == ["2"]
    assert await incidents.candidates(db, ALL, NOW + 92 * DAY, superseded=True) == []


async def test_what_was_superseded_is_meant_only_where_that_is_asked(db: Database) -> None:
    await given.issued(db, number=1)
    await given.issued(db, number=2)
    found = await incidents.candidates(db, ALL, LATER, superseded=True)
    assert [each.is_current for each in found] == [False, True]
    assert [each.serial for each in await incidents.candidates(db, ALL, LATER, superseded=False)] == [found[1].serial]
    assert await incidents.candidates(db, ALL, LATER, superseded=True, after=found[1].issued_id) == []


async def test_the_key_the_ca_and_the_window_are_known(db: Database) -> None:
    await given.declared(db, "keyed")
    key_id = await keys.add(db, given.SEALER, given.KEY, "certificate", NOW)
    account = await given.account(db)
    begun = await issuances.begin(db, "keyed", account.id, key_id, b"csr", now=NOW, profile="short")
    placing = await issuances.placing(db, begun)
    order = await issuances.ordered(
        db, placing, "https://ca.test/order/k", ca="https://ca.test", adopted=False, now=NOW
    )
    certificate = await issuances.issued(db, order, given.chain(7), given.view(7), now=NOW)
    await renewals.put(db, certificate.id, Renewal(NOW, NOW + DAY, NOW + HOUR, NOW + HOUR), NOW)
    await given.issued(db, "unkeyed", number=8)
    found = await incidents.candidates(db, ALL, LATER, superseded=False)
    key = next(each.key for each in found if each.certificate == "keyed")
    assert len(key) == 64
    [keyed, unkeyed] = await incidents.candidates(db, Selection(key=key), LATER, superseded=False)
    assert (keyed.ca, keyed.profile, keyed.suggested_from) == (CA, "short", NOW)
    # Whose key never was here may have it nevertheless: its bytes are looked at.
    assert (unkeyed.certificate, unkeyed.key) == ("unkeyed", "")
    others = await incidents.candidates(db, Selection(key="0" * 64), LATER, superseded=False)
    assert [each.certificate for each in others] == ["unkeyed"]


async def test_an_incident_that_is_being_opened_does_nothing(db: Database) -> None:
    [first] = await numbered(db, 1)
    number = await incidents.begin(db, "", ALL, Measures(), NOW)
    await incidents.take(db, number, [Member(first.id, 1)], NOW)
    assert await incidents.open_ones(db) == []
    with pytest.raises(EvercertError):
        await incident_stages.release(db, number, 1, 1, first=False, now=NOW)
    await incidents.close(db, number, IncidentState.CANCELLED, "", NOW)
    assert await stages(db, number) == ["failed"]


async def test_what_is_released_is_due_and_the_facts_know_why(db: Database) -> None:
    first, second = await numbered(db, 1, 2)
    for each in (first, second):
        await certificates.schedule(db, each.certificate, NOW + 30 * DAY)
    number = await opened(db, first, second, waves=2)
    await incident_stages.release(db, number, 1, 1, first=False, now=LATER)
    facts = [await certificates.fact(db, each.certificate) for each in (first, second)]
    assert [fact.incident_id for fact in facts if fact] == [number, None]
    assert await certificates.next_action_at(db) == LATER
    assert await stages(db, number) == ["replacing", "waiting"]


@pytest.mark.parametrize("racers", [2, 5])
async def test_of_many_who_release_a_wave_one_does(db: Database, racers: int) -> None:
    found = await numbered(db, 1, 2, 3)
    number = await opened(db, *found)
    releases = (incident_stages.release(db, number, 1, 3, first=False, now=LATER) for _ in range(racers))
    results = await asyncio.gather(*releases, return_exceptions=True)
    assert results.count(None) == 1
    assert all(isinstance(each, EvercertError) and each.code.name == "conflict" for each in results if each)
    happened = [each.event for each in await events.latest(db, 10)]
    assert [event.__struct_config__.tag for event in happened].count("incident-advanced") == 1


async def test_a_pause_and_a_release_at_once_leave_nothing_half_done(db: Database) -> None:
    found = await numbered(db, 1, 2, 3)
    number = await opened(db, *found)
    await asyncio.gather(
        incident_stages.release(db, number, 1, 3, first=False, now=LATER),
        incidents.pause(db, number, LATER),
        return_exceptions=True,
    )
    assert (await incidents.get(db, number)).state is IncidentState.PAUSED
    assert await stages(db, number) == ["waiting"] * 3


async def test_of_two_who_move_one_certificate_one_does(db: Database) -> None:
    [first] = await numbered(db, 1)
    number = await opened(db, first)
    await incident_stages.release(db, number, 1, 1, first=True, now=LATER)
    results = await asyncio.gather(
        incident_stages.revoked(db, number, first.id, first=True, now=LATER),
        incident_stages.move(db, number, first.id, Stage.REVOKING, Stage.FAILED, LATER, detail="no"),
    )
    assert sorted(results) == [False, True]


async def test_what_was_replaced_is_noted_and_placed_once_every_target_has_it(db: Database) -> None:
    [first] = await numbered(db, 1)
    number = await opened(db, first)
    await incident_stages.release(db, number, 1, 1, first=False, now=LATER)
    assert await incident_stages.follow(db, number, LATER) == 0
    second = await given.issued(db, "c1", number=0x1001, now=LATER)
    assert await incident_stages.follow(db, number, LATER) == 1
    assert await incident_stages.follow(db, number, LATER) == 0
    await deployments.put(db, given.deployment(second, DeployStatus.FAILED), LATER)
    assert await incident_stages.placing(db, number, 10) == []
    [wave] = await incidents.waves(db, number)
    assert wave == Wave(1, replaced=1, unplaced=1)
    await deployments.put(db, given.deployment(second, DeployStatus.SERVED), LATER)
    [placing] = await incident_stages.placing(db, number, 10)
    assert (placing.issued_id, placing.certificate) == (first.id, "c1")
    await incident_stages.move_all(db, number, [first.id], Stage.REPLACED, Stage.DONE, LATER)
    await incidents.close(db, number, IncidentState.DONE, "1 replaced", LATER)
    assert await stages(db, number) == ["done"]


async def test_it_is_not_closed_while_anything_is_left(db: Database) -> None:
    number = await opened(db, *await numbered(db, 1))
    with pytest.raises(EvercertError):
        await incidents.close(db, number, IncidentState.DONE, "", LATER)
    assert (await incidents.get(db, number)).state is IncidentState.OPEN


async def test_what_fails_and_what_waits_for_a_limit_is_told_apart(db: Database) -> None:
    found = await numbered(db, 1, 2, 3)
    number = await opened(db, *found)
    await incident_stages.release(db, number, 1, 3, first=False, now=LATER)
    await certificates.failed(db, "c1", Failure("dns", "no answer", NOW, "look"), 1, LATER)
    await certificates.held(db, "c2", Hold(LATER + HOUR, "orders"))
    assert await incidents.waves(db, number) == [Wave(1, replacing=3, failing=1, held=1)]
    one, two = await incidents.troubles(db, number, 10)
    assert (one.certificate, one.what, one.hint, one.retry_at) == ("c1", "no answer", "look", LATER)
    assert (two.certificate, two.retry_at) == ("c2", LATER + HOUR)
    assert "orders" in two.what


async def test_a_stall_is_noted_once_and_a_resumption_takes_the_failures(db: Database) -> None:
    number = await opened(db, *await numbered(db, 1))
    await incidents.stall(db, number, "5 of 5 fail", LATER)
    with pytest.raises(EvercertError):
        await incidents.stall(db, number, "5 of 5 fail", LATER)
    assert (await incidents.get(db, number)).stalled == "5 of 5 fail"
    await incidents.resume(db, number, 5)
    incident = await incidents.get(db, number)
    assert (incident.stalled, incident.tolerated) == ("", 5)
    with pytest.raises(EvercertError):
        await incidents.resume(db, number, 5)


async def test_what_is_kept_is_what_was_said_without_the_list(db: Database) -> None:
    selection = Selection(serials_file="list.txt", serials=frozenset({"1", "2"}), issued_from=NOW)
    measures = Measures(revoke=1, revoke_first=True, deadline=NOW + timedelta(hours=24))
    number = await incidents.begin(db, "why", selection, measures, NOW)
    incident = await incidents.get(db, number)
    assert incident.selection == msgspec.structs.replace(selection, serials=frozenset())
    assert (incident.measures, incident.reason, incident.state) == (measures, "why", IncidentState.OPENING)
    assert await incidents.listed(db) == [incident]
    with pytest.raises(EvercertError, match="no incident 99"):
        await incidents.get(db, 99)


async def test_an_incident_that_is_over_is_forgotten_with_its_age_and_no_other(db: Database) -> None:
    found = await numbered(db, 1, 2)
    over, goes_on = await opened(db, found[0]), await opened(db, found[1])
    await incidents.close(db, over, IncidentState.CANCELLED, "", NOW)
    await prune(db, NOW + 399 * DAY, Retention())
    assert len(await incidents.listed(db)) == 2
    await prune(db, NOW + 401 * DAY, Retention())
    assert [each.id for each in await incidents.listed(db)] == [goes_on]
    assert await stages(db, over) == []

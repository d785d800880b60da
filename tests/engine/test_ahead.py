"""What comes next for a certificate that matters to whoever wants it, from a line of the list."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from evercert.db.protocol import Database
from evercert.engine.ahead import Ahead, What, ahead
from evercert.engine.installing import installations
from evercert.engine.plan import plan, renewal_moment
from evercert.model.fact import Cause, DeployStatus, Failure, Hold, IssuedCertificate, LeftOut, Renewal
from evercert.model.intent import RenewPolicy
from evercert.model.task import Wait
from evercert.model.terms import Freeze, Terms, Window
from evercert.store import certificates, deployments, issuances, issued, renewals, tasks, views
from evercert.store.opening import open_store
from tests.store import given
from tests.store.given import DAY, HOUR, NOW

FAILURE = Failure("dns", "no answer", NOW)


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    async with open_store(tmp_path / "evercert.db") as opened:
        yield opened


async def then(db: Database, now: datetime = NOW) -> Ahead:
    [line] = await views.listed(db, now)
    fact = await certificates.fact(db, line.name)
    assert fact is not None
    found = [*installations(fact, now)]
    told = ahead(line, now, found)
    if not line.timed:
        assert ahead(line, now) == told  # what the line counts is as good
    return told


async def served(db: Database, number: int = 1, **terms: Any) -> IssuedCertificate:
    """A certificate that is in both of its places."""
    await given.declared(db, **terms)
    certificate = await given.issued(db, number=number)
    for target in ("nginx", "files"):
        await deployments.put(db, given.deployment(certificate, DeployStatus.SERVED, target), NOW)
    return certificate


async def moment(db: Database, now: datetime = NOW) -> datetime:
    """When the planner renews it."""
    fact = await certificates.fact(db, "www")
    assert fact is not None
    assert fact.current is not None
    return renewal_moment(fact, fact.current, now)[0]


async def test_the_first_one_is_issued_and_then_installed(db: Database) -> None:
    await given.declared(db)
    assert await then(db) == Ahead(What.ISSUE, NOW)
    await given.issued(db)
    assert await then(db) == Ahead(What.INSTALL, NOW)


WINDOW = Window((0, 3), 60, 180, "Europe/Berlin")


@pytest.mark.parametrize(
    "wanted",
    [
        {},
        {"renew": RenewPolicy(fraction=0.5)},
        {"renew": RenewPolicy(use_ari=False)},
        {"terms": Terms(windows=(WINDOW,))},
        {"terms": Terms(freezes=(Freeze(NOW + 20 * DAY, NOW + 85 * DAY, "the holidays"),))},
    ],
)
@pytest.mark.parametrize("suggested", [False, True])
async def test_what_is_served_is_renewed_when_the_planner_says(
    db: Database, wanted: dict[str, Any], suggested: bool
) -> None:
    certificate = await served(db, **wanted)
    # It is asked about in an hour, which concerns nobody.
    if suggested:
        told = Renewal(NOW + 30 * DAY, NOW + 32 * DAY, NOW + 31 * DAY, NOW + HOUR)
        await renewals.put(db, certificate.id, told, NOW)
    else:
        await renewals.ari_poll(db, "www", NOW + HOUR)
    assert await then(db) == Ahead(What.RENEW, await moment(db))


async def test_what_came_on_its_schedule_is_renewed_when_the_planner_says(db: Database) -> None:
    await served(db)
    later, account = NOW + 70 * DAY, await given.account(db)
    begun = await issuances.begin(db, "www", account.id, None, b"csr", now=later, cause=Cause.DUE)
    placing = await issuances.placing(db, begun)
    placed = await issuances.ordered(db, placing, "https://ca.test/order/9", ca=given.CA, adopted=False, now=later)
    await issuances.issued(db, placed, given.chain(2), given.view(2, not_before=later), now=later)
    [line] = await views.listed(db, later)
    assert line.fact.on_schedule
    assert line.fact.current is not None
    assert renewal_moment(line.fact, line.fact.current, later)[0] == await moment(db, later)


async def test_a_failed_attempt_is_made_again_before_anything_is_renewed(db: Database) -> None:
    await given.declared(db)
    await certificates.failed(db, "www", FAILURE, 1, NOW + HOUR)
    assert await then(db) == Ahead(What.RETRY, NOW + HOUR)


async def test_a_renewal_that_failed_is_tried_again_and_one_that_is_not_due_is_not(db: Database) -> None:
    await served(db)
    await certificates.failed(db, "www", FAILURE, 1, NOW + HOUR)
    assert await then(db) == Ahead(What.RENEW, await moment(db))
    late = await moment(db) + HOUR
    await certificates.failed(db, "www", FAILURE, 1, late + HOUR)
    assert await then(db, late) == Ahead(What.RETRY, late + HOUR)
    await certificates.held(db, "www", Hold(late + DAY, "a limit is used up"))
    assert await then(db, late) == Ahead(What.HELD, late + DAY, "a limit is used up")


async def test_a_place_that_failed_is_tried_again(db: Database) -> None:
    certificate = await served(db)
    await deployments.put(db, given.deployment(certificate, DeployStatus.FAILED), NOW)
    assert await then(db) == Ahead(What.INSTALL, NOW + HOUR)
    [line] = await views.listed(db, NOW)
    assert line.failing == Failure("deploy", "nginx -t failed", NOW, "look at it")


async def test_a_place_that_was_never_tried_waits_for_none_that_failed(db: Database) -> None:
    await given.declared(db)
    certificate = await given.issued(db)
    await deployments.put(db, given.deployment(certificate, DeployStatus.FAILED), NOW)
    assert await then(db) == Ahead(What.INSTALL, NOW)
    await deployments.put(db, given.deployment(certificate, DeployStatus.SERVED, "files"), NOW)
    assert await then(db) == Ahead(What.INSTALL, NOW + HOUR)
    await db.write(deployments.again("www", "files", NOW))
    assert await then(db) == Ahead(What.INSTALL, NOW)
    await deployments.put(db, given.deployment(certificate, DeployStatus.FAILED, "files"), NOW)
    assert await then(db) == Ahead(What.INSTALL, NOW + HOUR)


async def test_what_waits_for_its_window_says_so(db: Database) -> None:
    freeze = Freeze(NOW - DAY, NOW + 500 * DAY, "the holidays")
    await given.declared(db, terms=Terms(freezes=(freeze,)))
    await given.issued(db)
    # Before its end it is renewed, but that is not what keeps it from being used.
    assert await then(db) == Ahead(What.INSTALL, NOW + 500 * DAY, "a freeze (the holidays)")


async def test_what_is_revoked_or_asked_for_is_renewed_now(db: Database) -> None:
    certificate = await served(db)
    await certificates.wake(db, "www", NOW, forced=True)
    assert await then(db) == Ahead(What.RENEW, NOW)
    await issued.revoked(db, certificate.id, 1, NOW - HOUR)
    assert (await then(db)).at <= NOW


async def test_what_is_stopped_waits_for_a_person(db: Database) -> None:
    await served(db)
    await tasks.stop(db, "www", "moving away", NOW)
    assert await then(db) == Ahead(What.STOPPED, NOW, "moving away")


async def test_a_member_that_is_left_out_is_tried_again_before_the_rest_is_renewed(db: Database) -> None:
    members: dict[str, tuple[str, ...]] = {"a": ("www.example.test",), "b": ("example.test",)}
    await served(db, terms=Terms(members=members))
    await certificates.leave_out(db, "www", [LeftOut("a", 1, NOW + HOUR, FAILURE)], NOW)
    assert await then(db) == Ahead(What.RETRY, NOW + HOUR, "a is left out")
    await renewals.ari_poll(db, "www", NOW + DAY)
    fact = await certificates.fact(db, "www")
    assert fact is not None
    step = plan(fact, NOW)
    assert isinstance(step, Wait)
    assert step.until == NOW + HOUR

"""What people see: the list and its filters."""

from __future__ import annotations

import pytest

from evercert.base.names import parse_identifiers
from evercert.db.protocol import Database
from evercert.model.fact import DeployStatus, Failure
from evercert.model.state import State, state_of
from evercert.store import certificates, deployments, issuances, issued, views
from tests.store import given
from tests.store.given import DAY, HOUR, NOW


async def state(db: Database, name: str = "www") -> State:
    (line,) = await views.listed(db, NOW, match=name)
    fact = await certificates.fact(db, name)
    assert fact is not None
    assert line.state is state_of(fact, NOW)
    return line.state


async def test_a_certificate_is_wanted_then_issued_then_installed_then_served(db: Database) -> None:
    await given.declared(db)
    assert await state(db) is State.WANTED
    certificate = await given.issued(db)
    assert await state(db) is State.NOT_INSTALLED
    await deployments.put(db, given.deployment(certificate, DeployStatus.SERVED, "nginx"), NOW)
    await deployments.put(db, given.deployment(certificate, DeployStatus.FAILED, "files"), NOW)
    assert await state(db) is State.NOT_INSTALLED
    await deployments.put(db, given.deployment(certificate, DeployStatus.INSTALLED, "files"), NOW)
    assert await state(db) is State.INSTALLED
    await deployments.put(db, given.deployment(certificate, DeployStatus.SERVED, "files"), NOW)
    assert await state(db) is State.SERVED


async def test_what_serves_the_old_certificate_does_not_count_for_the_new(db: Database) -> None:
    certificate = await given.issued(db, number=1)
    for target in ("nginx", "files"):
        await deployments.put(db, given.deployment(certificate, DeployStatus.SERVED, target), NOW)
    await given.issued(db, number=2)
    assert await state(db) is State.NOT_INSTALLED


async def test_without_targets_issued_is_all_there_is(db: Database) -> None:
    await given.declared(db, targets=())
    await given.issued(db)
    assert await state(db) is State.ISSUED


async def test_a_revoked_or_expired_certificate_shows_as_that(db: Database) -> None:
    certificate = await given.issued(db, "revoked", 1)
    await issued.revoked(db, certificate.id, 1, NOW)
    await given.issued(db, "expired", 2, NOW - 91 * DAY)
    assert (await state(db, "revoked"), await state(db, "expired")) == (State.REVOKED, State.EXPIRED)


async def test_a_line_tells_what_is_wrong_and_what_comes_next(db: Database) -> None:
    certificate = await given.issued(db)
    await given.ordered(db)
    failure = Failure("dns", "no answer", NOW)
    await certificates.failed(db, "www", failure, 1, NOW + HOUR)
    await certificates.schedule(db, "www", NOW + HOUR)
    await deployments.put(db, given.deployment(certificate, DeployStatus.FAILED), NOW)
    (line,) = await views.listed(db, NOW)
    assert (line.failure, line.retry_at, line.next_action_at) == (failure, NOW + HOUR, NOW + HOUR)
    assert (line.issuing, line.targets, line.targets_failed) == (True, 2, 1)
    assert (line.issuer, line.serial, line.not_after) == ("Test CA E1", certificate.serial, certificate.not_after)


@pytest.fixture
async def three(db: Database) -> Database:
    await given.issued(db, "a", 1, NOW - 80 * DAY)
    await given.issued(db, "b", 2)
    await given.declared(db, "c", identifiers=parse_identifiers(("shop.test",)))
    return db


async def names(db: Database, **wanted: object) -> list[str]:
    return [line.name for line in await views.listed(db, NOW, **wanted)]  # type: ignore[arg-type]


async def test_the_list_is_in_the_order_of_names_and_can_be_narrowed(three: Database) -> None:
    assert await names(three) == ["a", "b", "c"]
    assert await names(three, match="shop.*") == ["c"]
    assert await names(three, match="example.test") == ["a", "b"]
    assert await names(three, match="nothing") == []
    assert await names(three, states={State.WANTED}) == ["c"]
    assert await names(three, expiring_before=NOW + 30 * DAY) == ["a"]


async def test_an_abandoned_issuance_does_not_show_as_issuing(db: Database) -> None:
    await issuances.abandon(db, await given.ordered(db), "invalid", now=NOW)
    (line,) = await views.listed(db, NOW)
    assert not line.issuing

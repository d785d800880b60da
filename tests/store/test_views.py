"""What people see: the list and its filters."""

from __future__ import annotations

import pytest

from evercert.base.names import parse_identifiers
from evercert.db.protocol import Database
from evercert.model.fact import DeployStatus, Failure, Hold, Renewal
from evercert.model.state import State, state_of
from evercert.store import certificates, deployments, issuances, issued, renewals, views
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
    assert (line.failing, line.deploy_failure, line.deploy_retry_at) == (
        failure,
        Failure("deploy", "nginx -t failed", NOW, "look at it"),
        NOW + HOUR,
    )


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


async def test_what_waits_for_a_limit_or_is_called_for_is_told(three: Database) -> None:
    hold = Hold(NOW + HOUR, "a limit is used up")
    await certificates.held(three, "a", hold)
    await certificates.wake(three, "b", NOW, forced=True)
    told = {line.name: (line.hold, line.called_for) for line in await views.listed(three, NOW)}
    assert told == {"a": (hold, False), "b": (None, True), "c": (None, False)}


async def test_what_is_known_of_the_current_one_says_when_it_is_renewed(db: Database) -> None:
    certificate = await given.issued(db)
    told = Renewal(NOW + 30 * DAY, NOW + 32 * DAY, NOW + 31 * DAY, NOW + HOUR)
    await renewals.put(db, certificate.id, told, NOW)
    (line,) = await views.listed(db, NOW)
    fact = await certificates.fact(db, "www")
    assert fact is not None
    assert line.fact.current is not None
    assert fact.current is not None
    for name in ("id", "certificate", "issuance_id", "serial", "issuer", "not_before", "not_after", "revoked_at"):
        assert getattr(line.fact.current, name) == getattr(fact.current, name)
    assert line.fact.renewal is not None
    assert (line.fact.renewal.moment, line.fact.renewal.window_end) == (told.moment, told.window_end)
    assert (line.fact.intent.renew, line.fact.intent.terms) == (fact.intent.renew, fact.intent.terms)


async def test_those_that_fail_can_be_asked_for(three: Database) -> None:
    assert await names(three, failing=True) == []
    await certificates.failed(three, "c", Failure("dns", "no answer", NOW), 1, NOW + HOUR)
    assert await names(three, failing=True) == ["c"]


async def test_an_abandoned_issuance_does_not_show_as_issuing(db: Database) -> None:
    await issuances.abandon(db, await given.ordered(db), "invalid", now=NOW)
    (line,) = await views.listed(db, NOW)
    assert not line.issuing

"""What each target was last given, and how that went."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
import pytest

from evercert.base.errors import EvercertError
from evercert.db.migrate import Migration
from evercert.db.opening import Place, open_database
from evercert.db.protocol import Database, Query
from evercert.model.event import Deployed, DeployFailed, RolledBack
from evercert.model.fact import CertificateFact, DeployStatus, InUse, IssuedCertificate, Renewal
from evercert.store import certificates, deployments, events, issued, renewals
from evercert.store.opening import open_store
from evercert.store.retention import Retention, prune
from evercert.store.schema import MIGRATIONS
from tests.store import given
from tests.store.given import DAY, NOW


async def known(db: Database) -> CertificateFact:
    fact = await certificates.fact(db, "www")
    assert fact is not None
    return fact


def in_use(certificate: IssuedCertificate) -> InUse:
    return InUse(certificate.not_before, certificate.not_after, issued_id=certificate.id)


async def test_a_deployment_is_kept_as_it_went(db: Database) -> None:
    certificate = await given.issued(db)
    failed = given.deployment(certificate, DeployStatus.FAILED)
    await deployments.put(db, failed, NOW, rolled_back=True)
    fact = await certificates.fact(db, "www")
    assert fact is not None
    assert fact.deployments == (failed,)
    served = given.deployment(certificate, DeployStatus.SERVED)
    await deployments.put(db, served, NOW)
    fact = await certificates.fact(db, "www")
    assert fact is not None
    assert fact.deployments == (msgspec.structs.replace(served, in_use=in_use(certificate)),)
    told = [each.event for each in reversed(await events.latest(db, 3, "www"))]
    assert told == [
        DeployFailed("www", "nginx", "deploy", "nginx -t failed"),
        RolledBack("www", "nginx", "deploy"),
        Deployed("www", "nginx", certificate.fingerprint, served=True),
    ]


async def test_late_news_of_an_older_certificate_never_replaces_news_of_a_newer(db: Database) -> None:
    old = await given.issued(db, number=1)
    new = await given.issued(db, number=2)
    current = given.deployment(new, DeployStatus.INSTALLED)
    await deployments.put(db, current, NOW)
    with pytest.raises(EvercertError) as caught:
        await deployments.put(db, given.deployment(old, DeployStatus.SERVED), NOW)
    assert caught.value.code.name == "conflict"
    fact = await certificates.fact(db, "www")
    assert fact is not None
    assert fact.deployments == (msgspec.structs.replace(current, in_use=in_use(new)),)


async def test_a_certificate_of_another_name_is_never_taken_for_its_own(db: Database) -> None:
    await given.issued(db, "www", 1)
    other = await given.issued(db, "mail", 2)
    mistaken = msgspec.structs.replace(given.deployment(other, DeployStatus.SERVED), certificate="www")
    with pytest.raises(EvercertError):
        await deployments.put(db, mistaken, NOW)


async def test_a_removed_target_is_forgotten(db: Database) -> None:
    certificate = await given.issued(db)
    await deployments.put(db, given.deployment(certificate, DeployStatus.SERVED), NOW)
    await db.write(deployments.removed("www", "nginx"))
    await db.write(deployments.removed("www", "nginx"))
    fact = await certificates.fact(db, "www")
    assert fact is not None
    assert fact.deployments == ()


async def test_what_a_target_has_stays_known_while_newer_ones_fail(db: Database) -> None:
    first = await given.issued(db, number=1)
    await deployments.put(db, given.deployment(first, DeployStatus.SERVED), NOW)
    await renewals.put(db, first.id, Renewal(NOW + DAY, NOW + 2 * DAY, NOW + DAY, NOW), NOW)
    for number in (2, 3):
        newer = await given.issued(db, number=number, now=NOW + number * DAY)
        await deployments.put(db, given.deployment(newer, DeployStatus.FAILED), NOW)
    [deployment] = (await known(db)).deployments
    assert deployment.in_use == msgspec.structs.replace(in_use(first), window_end=NOW + 2 * DAY)
    await issued.revoked(db, first.id, 4, NOW)
    [deployment] = (await known(db)).deployments
    assert deployment.in_use is not None
    assert deployment.in_use.revoked_at == NOW


async def test_what_a_target_has_is_over_once_nothing_more_is_kept_of_it(db: Database) -> None:
    first = await given.issued(db, number=1)
    await deployments.put(db, given.deployment(first, DeployStatus.SERVED), NOW)
    newer = await given.issued(db, number=2, now=NOW + 80 * DAY)
    await deployments.put(db, given.deployment(newer, DeployStatus.FAILED), NOW)
    await prune(db, NOW + 130 * DAY, Retention())
    assert await issued.get(db, first.id) is None
    [deployment] = (await known(db)).deployments
    assert deployment.in_use is not None
    assert deployment.in_use.not_after < NOW
    assert deployment.in_use.issued_id == 0


async def test_what_others_obtained_is_known_once_it_was_replaced(db: Database) -> None:
    await given.declared(db)
    theirs = await issued.keep(db, "www", given.chain(1), given.view(1), None, now=NOW)
    assert (await known(db)).before is None
    for number in (2, 3):
        await given.issued(db, number=number, now=NOW + number * DAY)
        assert (await known(db)).before == in_use(theirs)
    assert (await certificates.facts(db, ["www"]))["www"] == await known(db)


async def test_what_is_to_be_installed_again_forgets_how_it_went_and_not_what_is_there(db: Database) -> None:
    certificate = await given.issued(db)
    await deployments.put(db, given.deployment(certificate, DeployStatus.SERVED), NOW)
    await deployments.put(db, given.deployment(certificate, DeployStatus.FAILED), NOW)
    await db.write(deployments.again("www", "nginx", NOW + DAY), deployments.again("www", "unknown", NOW + DAY))
    [deployment] = (await known(db)).deployments
    assert (deployment.status, deployment.failures, deployment.failure) == (DeployStatus.PENDING, 0, None)
    assert deployment.in_use == in_use(certificate)


async def test_of_a_store_from_before_it_is_known_what_its_targets_have(
    new_place: Callable[[Sequence[Migration]], Place],
) -> None:
    before = MIGRATIONS[: next(n for n, each in enumerate(MIGRATIONS) if each.name.endswith("in_use"))]
    place = new_place(before)
    insert = Query(
        "old",
        "INSERT INTO deployments (certificate, target, issued_id, status, changed_at, failures, detail)"
        " VALUES ('www', :target, :issued_id, :status, 0, 0, '')",
    )
    async with open_database(place, before) as db:
        await given.declared(db)
        first, second = [
            await issued.keep(db, "www", given.chain(number), given.view(number, lifetime=number * DAY), None, now=NOW)
            for number in (1, 2)
        ]
        for target, status in (("files", "served"), ("nginx", "failed")):
            await db.write(insert(target=target, issued_id=second.id, status=status))
    async with open_store(place) as db:
        known_of = {each.target: each.in_use for each in (await known(db)).deployments}
        assert known_of == {"files": in_use(second), "nginx": in_use(first)}

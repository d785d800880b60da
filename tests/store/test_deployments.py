"""What each target was last given, and how that went."""

from __future__ import annotations

import msgspec
import pytest

from evercert.base.errors import EvercertError
from evercert.db.protocol import Database
from evercert.model.event import Deployed, DeployFailed, RolledBack
from evercert.model.fact import DeployStatus
from evercert.store import certificates, deployments, events
from tests.store import given
from tests.store.given import NOW


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
    assert fact.deployments == (served,)
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
    assert fact.deployments == (current,)


async def test_a_certificate_of_another_name_is_never_taken_for_its_own(db: Database) -> None:
    await given.issued(db, "www", 1)
    other = await given.issued(db, "mail", 2)
    mistaken = msgspec.structs.replace(given.deployment(other, DeployStatus.SERVED), certificate="www")
    with pytest.raises(EvercertError):
        await deployments.put(db, mistaken, NOW)


async def test_a_removed_target_is_forgotten(db: Database) -> None:
    certificate = await given.issued(db)
    await deployments.put(db, given.deployment(certificate, DeployStatus.SERVED), NOW)
    await deployments.remove(db, "www", "nginx")
    await deployments.remove(db, "www", "nginx")
    fact = await certificates.fact(db, "www")
    assert fact is not None
    assert fact.deployments == ()

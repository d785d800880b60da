"""Where certificates are installed, one row per target: which one it was last given, and how that went."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from evercert.base.clock import to_epoch
from evercert.base.errors import EvercertError
from evercert.db.protocol import Database, Row, Statement
from evercert.model.event import Deployed, DeployFailed, Event, RolledBack
from evercert.model.fact import Deployment, DeployStatus, Failure
from evercert.store import events
from evercert.store.columns import from_text, moment, moment_or_none, number_or_none, to_text
from evercert.store.sql import load_queries

__all__ = ["from_row", "of_certificate", "put", "remove", "removed", "retried"]

_SQL: Final = load_queries("deployments")


async def put(db: Database, deployment: Deployment, now: datetime, *, rolled_back: bool = False) -> None:
    """Afterwards that is the target's state.

    Raises `conflict` if a newer certificate was given to it meanwhile: late news of an older one is
    not kept.
    """
    fingerprints = await db.rows(
        _SQL["fingerprint of a deployment"](issued_id=deployment.issued_id, certificate=deployment.certificate)
    )
    if not fingerprints:
        raise EvercertError("conflict", "the certificate that was installed is no longer in the store")
    happened = _events(deployment, fingerprints[0][0], rolled_back)
    await db.write(_put(deployment), *(events.appended(event, now) for event in happened))


async def remove(db: Database, certificate: str, target: str) -> None:
    """Afterwards nothing is known of the target. Idempotent."""
    await db.write(removed(certificate, target))


def removed(certificate: str, target: str) -> Statement:
    return _SQL["remove deployment"](certificate=certificate, target=target)


def retried(certificate: str, now: datetime) -> Statement:
    """The statement after which no failed deployment waits."""
    return _SQL["retry deployments"](certificate=certificate, now=to_epoch(now))


def of_certificate(certificate: str) -> Statement:
    """The statement whose rows `from_row` reads."""
    return _SQL["deployments of a certificate"](certificate=certificate)


def from_row(row: Row) -> Deployment:
    certificate, target, issued_id, status, changed_at, failures, retry_at, failure, detail = row
    return Deployment(
        certificate=certificate,
        target=target,
        issued_id=issued_id,
        status=DeployStatus(status),
        changed_at=moment(changed_at),
        failures=failures,
        retry_at=moment_or_none(retry_at),
        failure=from_text(failure, Failure),
        detail=detail,
    )


def _put(deployment: Deployment) -> Statement:
    return _SQL["put deployment"](
        certificate=deployment.certificate,
        target=deployment.target,
        issued_id=deployment.issued_id,
        status=deployment.status.value,
        changed_at=to_epoch(deployment.changed_at),
        failures=deployment.failures,
        retry_at=number_or_none(deployment.retry_at),
        failure=to_text(deployment.failure) if deployment.failure else None,
        detail=deployment.detail,
    ).expecting(1)


def _events(deployment: Deployment, fingerprint: str, rolled_back: bool) -> list[Event]:
    about = {"certificate": deployment.certificate, "target": deployment.target}
    happened: list[Event] = []
    if deployment.status in {DeployStatus.INSTALLED, DeployStatus.SERVED}:
        served = deployment.status is DeployStatus.SERVED
        happened.append(Deployed(**about, fingerprint=fingerprint, served=served))
    elif deployment.failure is not None:
        happened.append(DeployFailed(**about, code=deployment.failure.code, message=deployment.failure.message))
    if rolled_back:
        happened.append(RolledBack(**about, reason=deployment.failure.code if deployment.failure else ""))
    return happened

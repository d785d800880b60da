"""Where certificates are installed, one row per target: which it was last given, how that went, which it has."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from evercert.base.clock import to_epoch
from evercert.base.errors import EvercertError
from evercert.db.protocol import Database, Row, Statement
from evercert.model.event import Deployed, DeployFailed, Event, RolledBack
from evercert.model.fact import Deployment, DeployStatus, Failure, InUse
from evercert.store import events
from evercert.store.columns import from_text, moment, moment_or_none, number_or_none, to_text
from evercert.store.sql import load_queries

__all__ = ["again", "before", "from_row", "in_use", "of_certificate", "put", "removed", "renamed", "retried"]

_SQL: Final = load_queries("deployments")

_DONE: Final = frozenset({DeployStatus.INSTALLED, DeployStatus.SERVED})


async def put(db: Database, deployment: Deployment, now: datetime, *, rolled_back: bool = False) -> None:
    """Afterwards that is the target's state; what it has is known by that, and not by `in_use`.

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


def removed(certificate: str, target: str) -> Statement:
    """The statement after which nothing is known of the target."""
    return _SQL["remove deployment"](certificate=certificate, target=target)


def again(certificate: str, target: str, now: datetime) -> Statement:
    """The statement after which it is to be installed there once more, if it ever was; what is there stays known."""
    return _SQL["install again"](certificate=certificate, target=target, now=to_epoch(now))


def renamed(certificate: str, target: str, to: str, now: datetime) -> tuple[Statement, Statement]:
    """The statements after which that is the target's name, where no other has it; else as `again`."""
    statement = _SQL["rename deployment"](certificate=certificate, target=target, renamed=to, now=to_epoch(now))
    return removed(certificate, to), statement


def retried(certificate: str, now: datetime) -> Statement:
    """The statement after which no failed deployment waits."""
    return _SQL["retry deployments"](certificate=certificate, now=to_epoch(now))


def of_certificate(certificate: str) -> Statement:
    """The statement whose rows `from_row` reads."""
    return _SQL["deployments of a certificate"](certificate=certificate)


def before(certificate: str) -> Statement:
    """The statement whose row, if there is one, `in_use` reads: what was current before and came from elsewhere, or is
    in an incident."""
    return _SQL["before the current one"](certificate=certificate)


def from_row(row: Row) -> Deployment:
    certificate, target, issued_id, status, changed_at, failures, retry_at, failure, detail = row[:9]
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
        in_use=None if row[9] is None else in_use(row[9:]),
    )


def in_use(row: Row) -> InUse:
    not_before, not_after, revoked_at, window_end, in_incident, issued_id = row
    return InUse(
        not_before=moment(not_before),
        not_after=moment(not_after),
        revoked_at=moment_or_none(revoked_at),
        window_end=moment_or_none(window_end),
        in_incident=bool(in_incident),
        issued_id=issued_id,
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
        installed=int(deployment.status in _DONE),
    ).expecting(1)


def _events(deployment: Deployment, fingerprint: str, rolled_back: bool) -> list[Event]:
    about = {"certificate": deployment.certificate, "target": deployment.target}
    happened: list[Event] = []
    if deployment.status in _DONE:
        served = deployment.status is DeployStatus.SERVED
        happened.append(Deployed(**about, fingerprint=fingerprint, served=served))
    elif deployment.failure is not None:
        happened.append(DeployFailed(**about, code=deployment.failure.code, message=deployment.failure.message))
    if rolled_back:
        happened.append(RolledBack(**about, reason=deployment.failure.code if deployment.failure else ""))
    return happened

"""How far a certificate has come, in one word: what is served counts, not what was issued."""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from evercert.model.fact import CertificateFact

__all__ = ["State", "stands", "state_of"]


class State(Enum):
    """The first that is true."""

    WANTED = "wanted"  # none was issued yet
    REVOKED = "revoked"
    EXPIRED = "expired"
    NOT_INSTALLED = "not-installed"  # a target failed, or has not been tried
    ISSUED = "issued"  # there is no target
    INSTALLED = "installed"  # in every target, but not proved by a handshake in each
    SERVED = "served"  # in every target, proved by handshakes


def stands(
    now: datetime, *, expires: datetime | None, revoked: bool, targets: int, served: int, installed: int
) -> State:
    """From the current certificate's end (None: there is none) and how many of its *targets* have it:
    *served* with proof, *installed* without."""
    if expires is None:
        return State.WANTED
    if revoked:
        return State.REVOKED
    if now >= expires:
        return State.EXPIRED
    if not targets:
        return State.ISSUED
    if served == targets:
        return State.SERVED
    return State.INSTALLED if served + installed == targets else State.NOT_INSTALLED


def state_of(fact: CertificateFact, now: datetime) -> State:
    """The same from all facts; a deployment of an earlier certificate does not count."""
    current = fact.current
    statuses = [each.status.value for each in fact.deployments if current and each.issued_id == current.id]
    return stands(
        now,
        expires=current.not_after if current else None,
        revoked=current is not None and current.revoked_at is not None,
        targets=len(fact.intent.targets),
        served=statuses.count("served"),
        installed=statuses.count("installed"),
    )

"""How far a certificate has come, in one word: what is served counts, not what was issued."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from evercert.model.fact import CertificateFact, LeftOut

__all__ = ["State", "covers", "lacking", "stands", "state_of"]


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


def lacking(
    left_out: Iterable[LeftOut], members: Mapping[str, tuple[str, ...]], has: Collection[str] | None, now: datetime
) -> Iterator[LeftOut]:
    """Those of a merged certificate's members that are left out: of the next one, or of the current one, which *has*
    these names (None: there is none). What was noted before they last stood in one says nothing any more."""
    for each in left_out:
        names = members.get(each.member)
        if names is not None and (each.until > now or has is None or not covers(has, names)):
            yield each


def covers(has: Collection[str], names: Collection[str]) -> bool:
    """Whether a certificate with the first names is for the others as well; one of which they are not known is."""
    return not has or set(names) <= set(has)


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

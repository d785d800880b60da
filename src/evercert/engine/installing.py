"""In which targets the current certificate is to be installed, and when that may begin. Pure.

Rules of this file:

* A server is touched when its windows and freezes let it be, or at the last call of what it has: never so late that
  it serves what is over, or was revoked. What an incident replaces is not waited with.
* Where nothing was ever installed nothing can lapse, and the first one waits for as long as it takes. What others
  obtained before us (`evercert import`) they may have installed, so that counts as being there.
* A person who asks for it himself waits for nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import msgspec

from evercert.engine.merging import lacks
from evercert.engine.renewal.calendar import last_call, permitted
from evercert.model.fact import CertificateFact, Deployment, DeployStatus, InUse, IssuedCertificate
from evercert.model.terms import Terms

__all__ = ["Installation", "in_service", "installable", "installations", "put_off"]

_NEVER = datetime.max.replace(tzinfo=UTC)
_DONE = frozenset({DeployStatus.INSTALLED, DeployStatus.SERVED})


class Installation(msgspec.Struct, frozen=True):
    """The current certificate is to be installed in `target`, from `moment` on; why, what puts it off (empty:
    nothing but an attempt that failed), and what is there meanwhile, as far as is known."""

    target: str
    moment: datetime
    reason: str
    put_off: str = ""
    there: InUse | None = None

    def __str__(self) -> str:
        """What is waited for, as a clause."""
        return f"installing it in {self.target}, put off for {self.put_off}" if self.put_off else "installing it failed"


def installations(fact: CertificateFact, now: datetime, *, by_hand: bool = False) -> Iterator[Installation]:
    """All that are outstanding, in the order of the targets; those that may begin have a moment that is not ahead."""
    for target, deployment in _outstanding(fact, fact.current) if fact.current else ():
        there = (deployment.in_use if deployment else None) or fact.before
        reason, due = _due(fact, deployment, now)
        moment, why = (due, "") if by_hand else permitted(due, _latest(fact, there), fact.intent.terms)
        yield Installation(target, moment, reason, why if moment > due else "", there)


def put_off(fact: CertificateFact, now: datetime) -> tuple[Installation, ...]:
    """Those that a window or a freeze has waiting now."""
    return tuple(each for each in installations(fact, now) if each.put_off)


def in_service(fact: CertificateFact, now: datetime) -> tuple[int, ...]:
    """The numbers of the older certificates that serve on because a window or a freeze has their successor waiting:
    what their CA says of them has it installed."""
    there = (each.there.issued_id for each in put_off(fact, now) if each.there)
    known = fact.current.id if fact.current else 0
    return tuple(dict.fromkeys(number for number in there if number not in {0, known}))


def installable(terms: Terms, now: datetime) -> tuple[datetime, str]:
    """When a first certificate on those terms may be installed, and what puts that off (empty: nothing)."""
    return permitted(now, _NEVER, terms)


def _due(fact: CertificateFact, deployment: Deployment | None, now: datetime) -> tuple[str, datetime]:
    """Why it is to be installed, and when, if nothing puts it off."""
    if deployment is None:
        return "it is not there yet", now
    if fact.current is not None and deployment.issued_id != fact.current.id:
        return "a newer certificate is to be installed", now
    if deployment.status is DeployStatus.FAILED:
        return "the last attempt to install it failed", max(deployment.retry_at or now, now)
    return "it is to be installed again", max(deployment.retry_at or now, now)


def _latest(fact: CertificateFact, there: InUse | None) -> datetime:
    """Until when what is there can stay."""
    if there is None:
        return _NEVER
    if there.revoked_at is not None or there.in_incident:
        return there.not_before
    last = last_call(there.not_before, there.not_after)
    if there.window_end is None or not fact.intent.renew.use_ari:
        return last
    return min(there.window_end, last)  # after its window a CA may revoke (RFC 9773 §4.2)


def _outstanding(fact: CertificateFact, current: IssuedCertificate) -> Iterator[tuple[str, Deployment | None]]:
    """The targets that do not have *current* yet, as far as is known."""
    known = {deployment.target: deployment for deployment in fact.deployments}
    for spec in fact.intent.targets:
        deployment = known.get(spec.key)
        if lacks(fact, current, spec.key):
            continue
        if deployment is None or deployment.issued_id != current.id or deployment.status not in _DONE:
            yield spec.key, deployment

"""What to do next: facts and the time in, one task or a wait out.

Rules of this file:

* Pure, total, idempotent: no I/O, no clock, no randomness, an answer for every fact. A task that
  was done changes a fact, so the same question then has another answer.
* One answer per certificate, so there is never more than one task for it.
* Nothing before its time: what is answered with a `Wait` needs no attention until then.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from evercert.engine.installing import installations
from evercert.engine.merging import asked, lacking, returning
from evercert.engine.renewal.calendar import last_call, permitted
from evercert.engine.renewal.spread import earlier
from evercert.model.fact import CertificateFact, IssuanceStatus, IssuedCertificate, Stop
from evercert.model.intent import RenewPolicy
from evercert.model.task import Step, Task, Wait
from evercert.model.terms import OnRemoval

__all__ = ["plan", "renewal_fraction", "renewal_moment"]

# Let's Encrypt's integration guide: renew with a third of the life left, or a half of it where
# the life is under ten days.
_SHORT_LIFE = timedelta(days=10)
_FRACTION, _SHORT_FRACTION = 2 / 3, 1 / 2

# By so much of its life a renewal is earlier before a person wonders why.
_NOTICED = 0.02

# How long to leave a certificate alone about which nothing at all is due.
_IDLE = timedelta(days=1)


def plan(fact: CertificateFact, now: datetime, *, by_hand: bool = False) -> Task | Wait:
    """The one thing to do for this certificate now, or until when nothing is. Who wants it *by_hand* has servers
    touched whatever the hour."""
    if fact.leaving:
        return _clean_up(fact, now) or _leave(fact, fact.leaving)
    if fact.stopped:
        given_up = _abandon(fact, fact.stopped) or _clean_up(fact, now)
        return _deploy(fact, now, by_hand) or given_up or _stand_still(fact, fact.stopped, now)
    to_issue = _poll(fact, now) or _issue(fact, now)
    return _deploy(fact, now, by_hand) or to_issue or _clean_up(fact, now) or _wait(fact, now)


def renewal_moment(
    fact: CertificateFact, current: IssuedCertificate, now: datetime | None = None
) -> tuple[datetime, str]:
    """When to renew *current*, and why then; with *now*, a window that was missed is followed by the next one."""
    if current.revoked_at is not None:
        return current.revoked_at, "it was revoked"
    due, last, why = _due(fact, current)
    terms = fact.intent.terms
    if now is not None and (terms.windows or terms.freezes):
        due = max(due, now)
    moment, put_off = permitted(due, last, terms)
    return moment, f"{why}, put off for {put_off}" if put_off else why


def _due(fact: CertificateFact, current: IssuedCertificate) -> tuple[datetime, datetime, str]:
    """When it is due, how long it can be put off, and why it is due."""
    latest_call = last_call(current.not_before, current.not_after)
    if fact.renewal and fact.intent.renew.use_ari:
        # After its window a CA may revoke (RFC 9773 §4.2): no freeze of ours is heard there.
        last = min(fact.renewal.window_end, latest_call)
        return min(fact.renewal.moment, latest_call), last, "the CA suggests it (ARI)"
    fraction = renewal_fraction(current.lifetime, fact.intent.renew)
    latest = current.lifetime * fraction
    after = latest - earlier(fact, current, latest)
    return current.not_before + after, latest_call, _life_over(after / current.lifetime, fraction)


def _life_over(share: float, latest: float) -> str:
    words = f"{share:.0%} of its life is over"
    return f"{words} (renewals are spread; {latest:.0%} at the latest)" if latest - share > _NOTICED else words


def renewal_fraction(life: timedelta, policy: RenewPolicy) -> float:
    """After how much of its life a certificate is renewed, where its CA suggests nothing."""
    return policy.fraction or (_SHORT_FRACTION if life < _SHORT_LIFE else _FRACTION)


def _deploy(fact: CertificateFact, now: datetime, by_hand: bool) -> Task | None:
    for each in installations(fact, now, by_hand=by_hand):
        if now >= each.moment:
            return Task(fact.intent.name, Step.DEPLOY, each.reason, each.target)
    return None


def _poll(fact: CertificateFact, now: datetime) -> Task | None:
    if fact.current is None or not _asks_renewal_info(fact) or now >= fact.current.not_after:
        return None
    if _is_past(fact.ari_poll_at, now):
        return Task(fact.intent.name, Step.POLL_RENEWAL_INFO, "it is time to ask the CA when to renew")
    return None


def _issue(fact: CertificateFact, now: datetime) -> Task | None:
    if not _is_past(_blocked(fact)[0], now) or not (fact.open_issuance or asked(fact, now)):
        return None
    reason = _reason_to_issue(fact, now)
    return Task(fact.intent.name, Step.ISSUE, reason) if reason else None


def _reason_to_issue(fact: CertificateFact, now: datetime) -> str:
    if (fact.open_issuance and fact.open_issuance.status is not IssuanceStatus.KEYED) or fact.rival:
        return "an order that was begun is to be finished"
    return _call(fact, now) or ("an attempt that was begun is to be finished" if fact.open_issuance else "")


def _call(fact: CertificateFact, now: datetime) -> str:
    """Why a certificate is to be ordered, whatever was begun; empty where nothing asks for one."""
    if fact.current is None:
        return "there is no certificate yet"
    if fact.forced:
        return "it was asked for"
    if fact.incident_id is not None:
        # No window and no freeze of ours is heard: whoever revokes it does not hear them either.
        return f"incident {fact.incident_id} replaces it"
    moment, why = renewal_moment(fact, fact.current, now)
    return why if now >= moment else returning(fact, now)


def _blocked(fact: CertificateFact) -> tuple[datetime | None, str]:
    """Until when nothing is issued though it is due, and why: the last attempt failed, or a limit leaves no room."""
    if fact.hold and (fact.retry_at is None or fact.hold.until > fact.retry_at):
        return fact.hold.until, fact.hold.limit
    return fact.retry_at, "it is tried again, because the last attempt failed"


def _clean_up(fact: CertificateFact, now: datetime) -> Task | None:
    if fact.leftovers:
        return Task(fact.intent.name, Step.CLEAN_UP, "challenge answers of an earlier attempt are to be taken away")
    if fact.withdraw_at is not None and now >= fact.withdraw_at:
        return Task(fact.intent.name, Step.CLEAN_UP, "an order that was given up is to be withdrawn")
    return None


def _leave(fact: CertificateFact, how: OnRemoval) -> Task:
    action = "revoked and forgotten" if how is OnRemoval.REVOKE else "forgotten"
    return Task(fact.intent.name, Step.LEAVE, f"it is declared no longer, and is to be {action}")


def _abandon(fact: CertificateFact, stopped: Stop) -> Task | None:
    if fact.open_issuance is None and fact.rival is None:
        return None
    return Task(fact.intent.name, Step.ABANDON, f"it is stopped: {stopped.reason}")


def _stand_still(fact: CertificateFact, stopped: Stop, now: datetime) -> Wait:
    """No CA is asked. What was issued is installed all the same: to serve an older one would help nobody."""
    moments = [each.moment for each in installations(fact, now)]
    ahead = [moment for moment in (*moments, fact.withdraw_at) if moment is not None and moment > now]
    return Wait(fact.intent.name, min(ahead, default=now + _IDLE), f"it is stopped: {stopped.reason}")


def _wait(fact: CertificateFact, now: datetime) -> Wait:
    # What is past and yet is no task (a poll that was missed before the end) never will be one.
    ahead = (moment for moment in _moments(fact, now) if moment[0] > now)
    return Wait(fact.intent.name, *min(ahead, default=(now + _IDLE, "nothing is due")))


def _moments(fact: CertificateFact, now: datetime) -> Iterator[tuple[datetime, str]]:
    """Every moment at which something will be due, or was, with what it is."""
    blocked, block = _blocked(fact)
    if blocked is not None and (fact.current is None or fact.open_issuance or fact.rival or _is_called_for(fact)):
        yield blocked, block
    if fact.withdraw_at is not None:
        yield fact.withdraw_at, "an order that was given up is withdrawn"
    for each in lacking(fact, now):
        yield max(each.until, blocked or each.until), f"{each.member} is tried again"
    if fact.current is None:
        return
    moment, why = renewal_moment(fact, fact.current, now)
    yield (moment, why) if blocked is None or moment >= blocked else (blocked, block)
    if fact.ari_poll_at is not None and _asks_renewal_info(fact) and fact.ari_poll_at < fact.current.not_after:
        yield fact.ari_poll_at, "the CA is asked when to renew"
    yield from ((each.moment, str(each)) for each in installations(fact, now))


def _asks_renewal_info(fact: CertificateFact) -> bool:
    """Whether the CA's answer could change anything."""
    knows = fact.current is not None and fact.current.ari_id != ""
    return knows and fact.intent.renew.use_ari and not _is_called_for(fact)


def _is_called_for(fact: CertificateFact) -> bool:
    """Whether another is to be issued although nothing is due."""
    return fact.forced or fact.incident_id is not None


def _is_past(moment: datetime | None, now: datetime) -> bool:
    return moment is None or now >= moment

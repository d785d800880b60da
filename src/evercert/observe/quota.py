"""The account, and what is left of the CA's limits, by our own book-keeping."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from evercert.acme.cas import Limit
from evercert.observe.finding import Finding, note, ok, problem, warning

__all__ = ["Quota", "judge_account", "judge_quotas", "quota_of", "span"]

_ACCOUNT = "account"
_CHECK = "quota"
_SCARCE = 0.8


@dataclass(frozen=True, slots=True)
class Quota:
    """One limit of the CA, in words. `used` counts what we know of, so others of the same domain are missing
    from it. `frees_at` is when the next one becomes free, where that can be told."""

    limit: str
    used: int
    allowed: int
    window: timedelta
    frees_at: datetime | None = None


def quota_of(limit: Limit, about: str, used: int, frees_at: datetime | None = None) -> Quota:
    """*used* of a limit of the CA table. *about* is what was counted by: a registered domain, a set, an account."""
    return Quota(
        f"{limit.scope.value} ({about})" if about else limit.scope.value, used, limit.count, limit.period, frees_at
    )


def judge_account(url: str, status: str) -> list[Finding]:
    """*status* is what the CA says of the account now; empty where it was not asked."""
    if not url:
        return [note(_ACCOUNT, "no account at this CA yet", "the first certificate registers one")]
    if status in {"", "valid"}:
        return [ok(_ACCOUNT, f"{url} is {status or 'known'}")]
    hint = "name another with --account; it is registered when it is first used"
    return [problem(_ACCOUNT, f"the CA says that the account {url} is {status}", hint)]


def judge_quotas(quotas: Sequence[Quota]) -> list[Finding]:
    return [_judge(quota) for quota in quotas]


def _judge(quota: Quota) -> Finding:
    what = f"{quota.used} of {quota.allowed} {quota.limit} used in {span(quota.window)}, as far as we know"
    if quota.used >= quota.allowed:
        when = f"wait until {quota.frees_at:%Y-%m-%d %H:%M} UTC" if quota.frees_at else "wait"
        return problem(_CHECK, what, f"{when}, or use the CA's staging directory for tests")
    if quota.used >= quota.allowed * _SCARCE:
        return warning(_CHECK, what, "test against the CA's staging directory, and renew only what is due")
    return ok(_CHECK, what)


def span(window: timedelta) -> str:
    """As it reads after `in`."""
    if window >= timedelta(days=2):
        return f"{window.days} days"
    if window < timedelta(minutes=90) and window != timedelta(hours=1):
        minutes = max(1, round(window / timedelta(minutes=1)))
        return f"{minutes} minutes" if minutes > 1 else "a minute"
    hours = round(window / timedelta(hours=1))
    return f"{hours} hours" if hours > 1 else "an hour"

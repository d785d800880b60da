"""What a CA says when a limit is used up: which limit, and how long. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from evercert.acme.cas import LimitScope
from evercert.base.clock import from_epoch
from evercert.engine.limits.budget import Draw
from evercert.store.budgets import Bucket

__all__ = ["named_draws", "wait_of"]

# The words of Boulder (its ratelimits/limiter.go), from the most particular on. Other CAs say what they like.
_PHRASES: Final = (
    ("exact set of", LimitScope.CERTIFICATES_PER_SET),
    ("failed authorizations", LimitScope.FAILURES_PER_NAME),
    ("already issued for", LimitScope.CERTIFICATES_PER_DOMAIN),
    ("new registrations", LimitScope.ACCOUNTS_PER_ADDRESS),
    ("new orders", LimitScope.ORDERS_PER_ACCOUNT),
)

# An account that is paused for a name goes on when its owner has visited the page that the CA names.
_PAUSED: Final = "temporarily prevented from requesting"

# Where the CA names no time: a minute, and twice as long each time.
_FIRST: Final = timedelta(minutes=1)
_LONGEST: Final = timedelta(hours=3)


def named_draws(draws: Sequence[Draw], detail: str) -> list[Draw] | None:
    """Those whose limit the CA means; where it does not say, the new orders of the account, or whatever there is. None
    where waiting is no help.

    Nothing is taken from the text but which of ours it is about (design law 7).
    """
    said = detail.lower()
    if _PAUSED in said:
        return None
    for phrase, scope in _PHRASES:
        meant = [draw for draw in draws if draw.scope is scope] if phrase in said else []
        if meant:
            return [draw for draw in meant if _quoted(draw, said)] or meant
    orders = [draw for draw in draws if draw.scope is LimitScope.ORDERS_PER_ACCOUNT]
    return orders or list(draws)


def wait_of(known: Sequence[Bucket], after: timedelta | None, now: datetime) -> tuple[timedelta, int]:
    """How long nothing is drawn, and how often in a row the CA has named no time."""
    if after is not None:
        return after, 0
    last = max(known, key=lambda each: each.learned_until)
    since = now - from_epoch(last.learned_until)
    if since < timedelta():  # what was sent at the same time is told the same
        return -since, last.refusals
    refusals = last.refusals + 1 if since < _growing(last.refusals) else 1
    return _growing(refusals), refusals


def _growing(refusals: int) -> timedelta:
    """The wait after so many refusals in a row."""
    return min(_LONGEST, _FIRST * 2.0 ** min(max(refusals - 1, 0), 20))


def _quoted(draw: Draw, said: str) -> bool:
    subject = draw.subject.rpartition(" ")[2].lower()
    return any(f'"{written}"' in said for written in (subject, f"{subject}/32"))

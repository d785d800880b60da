"""What is left of a CA's limits: token buckets that are refilled evenly, and which of them an order draws on.

Rules of this file:

* Pure, and over whole microseconds: the ledger in the database computes the same, in SQL.
* A bucket is one number, its theoretical arrival time (GCRA, ITU-T I.371): the moment at which it is full again
  if nothing more is drawn. Every token that is drawn moves it on by `interval`; it may not be further ahead of now
  than the capacity. Let's Encrypt counts in the same way (its `ratelimits/gcra.go`).
* Rounded against ourselves: we never count less than the CA does.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import lru_cache
from hashlib import sha256

from evercert.acme.cas import Limit, LimitScope, limits_at
from evercert.base.names import Identifier
from evercert.model.access import CaAccess
from evercert.model.intent import CertificateIntent, challenge_rule_for
from evercert.observe.registered_domain import registered_domain

__all__ = [
    "BY_RECORD",
    "PATIENCE",
    "Draw",
    "account_digest",
    "account_draw",
    "ahead",
    "drawn",
    "draws",
    "draws_on",
    "failure_draws",
    "forgiven_draws",
    "interval",
    "learned_tat",
    "left",
    "limits_of",
    "replayed",
    "room_at",
    "set_digest",
    "usable",
]

_MICROSECOND = timedelta(microseconds=1)

# So much of every limit is kept for what is urgent: one in ten, and one of five where there are but a few.
_RESERVED = 10
_FEW = 5

# Whatever is known of a limit now, an override may be granted or a certificate given up: everybody looks once a day.
PATIENCE = timedelta(days=1)

# The challenges for which a record is written and taken away each time, and the field that says how many a minute.
BY_RECORD = {"dns-01", "dns-account-01"}
_PACE = "changes_per_minute"


@dataclass(frozen=True, slots=True)
class Draw:
    """*cost* tokens of one bucket, at the CA that is asked or in another *place*. A cost of zero draws nothing, but
    there must be room for one. Where there is no *limit*, only what the CA itself said holds anybody back."""

    scope: LimitScope
    subject: str
    limit: Limit | None = None
    cost: int = 1
    place: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """What the ledger knows the bucket by, in its place."""
        return self.scope.word, self.subject


def interval(limit: Limit) -> int:
    """In how many microseconds one token comes back."""
    return -(-(limit.period // _MICROSECOND) // limit.count)


def usable(limit: Limit, *, urgent: bool) -> int:
    """So many tokens may be drawn from a full bucket: all of them, or what is not kept for urgent work."""
    if urgent or limit.count < _FEW:
        return limit.count
    return limit.count - max(1, limit.count // _RESERVED)


def ahead(limit: Limit, *, urgent: bool) -> int:
    """So far ahead of now may the arrival time be after drawing."""
    return usable(limit, urgent=urgent) * interval(limit)


def room_at(limit: Limit, tat: int, cost: int = 1, *, urgent: bool = False) -> int:
    """From which moment on there is room for *cost* tokens. What could never be drawn at once has room when all that
    may be is there."""
    return tat + (min(max(cost, 1), usable(limit, urgent=urgent)) - usable(limit, urgent=urgent)) * interval(limit)


def drawn(limit: Limit, tat: int, now: int, cost: int = 1) -> int:
    """The arrival time after *cost* tokens were drawn now."""
    return max(tat, now) + cost * interval(limit)


def left(limit: Limit, tat: int, now: int) -> int:
    """How many tokens are there now; never more than the limit has, nor less than none."""
    return min(limit.count, max(0, limit.count - -(-(tat - now) // interval(limit))))


def learned_tat(limit: Limit, until: int) -> int:
    """The arrival time that leaves room for one, if it is urgent, at the moment at which the CA said that there is."""
    return until + (limit.count - 1) * interval(limit)


def replayed(limit: Limit, moments: Iterable[int]) -> int:
    """The arrival time after one token was drawn at each of these moments, however much was there: of what was used
    before somebody counted. Zero where there is none."""
    tat = 0
    for moment in sorted(moments):
        tat = min(drawn(limit, tat, moment), moment + limit.count * interval(limit))
    return tat


@lru_cache(maxsize=64)
def limits_of(access: CaAccess) -> tuple[Limit, ...]:
    """The limits at a CA, as they are known or as they were declared for this installation."""
    known = {limit.scope: limit for limit in limits_at(access.directory)}
    scopes = {scope.word: scope for scope in LimitScope}
    for own in access.limits:
        if scope := scopes.get(own.word):
            before = known.pop(scope, None)
            if own.count:
                given = before or Limit(scope, own.count, timedelta())
                known[scope] = replace(given, count=own.count, period=timedelta(seconds=own.seconds))
    return tuple(known.values())


def draws(
    intent: CertificateIntent, limits: Iterable[Limit], *, account: str = "", renewal: bool = False, ari: bool = False
) -> tuple[Draw, ...]:
    """What a new order for the certificate draws on; of the intent's own *account*, if no other is named.

    *renewal*: the CA issued one for exactly these names to this account before. *ari*: it names its predecessor, inside
    the window that the CA suggested (RFC 9773 §5).
    """
    account = account or intent.account
    found = {draw.key: draw for draw in _record_changes(intent)}
    for limit in limits:
        if not ((ari and limit.ari_exempt) or (renewal and limit.renewal_exempt)):
            found |= {draw.key: draw for draw in draws_on(limit, account, intent.identifiers)}
    # Whatever a CA counts by, it can say that it takes no more orders for now.
    orders = Draw(LimitScope.ORDERS_PER_ACCOUNT, account, None, 0)
    # Whoever takes several takes them in this order, so that no two wait for each other.
    return tuple(sorted(({orders.key: orders} | found).values(), key=lambda draw: (draw.place, draw.key)))


def draws_on(limit: Limit, account: str, identifiers: Collection[Identifier]) -> Iterator[Draw]:
    """What a first certificate of that account for these names draws on of one limit."""
    match limit.scope:
        case LimitScope.ORDERS_PER_ACCOUNT:
            yield Draw(limit.scope, account, limit)
        case LimitScope.CERTIFICATES_PER_DOMAIN:
            for domain in {registered_domain(each) for each in identifiers}:
                yield Draw(limit.scope, domain, limit)
        case LimitScope.CERTIFICATES_PER_SET:
            yield Draw(limit.scope, set_digest(identifiers), limit)
        case LimitScope.FAILURES_PER_NAME | LimitScope.FAILURES_IN_A_ROW:
            for identifier in identifiers:
                yield Draw(limit.scope, _name_subject(account, identifier), limit, 0)
        case LimitScope.ACCOUNTS_PER_ADDRESS | LimitScope.RECORD_CHANGES:
            return


def failure_draws(account: str, identifier: Identifier, limits: Iterable[Limit]) -> tuple[Draw, ...]:
    """What a failed validation of that name draws on."""
    return tuple(
        Draw(limit.scope, _name_subject(account, identifier), limit)
        for limit in limits
        if limit.scope in {LimitScope.FAILURES_PER_NAME, LimitScope.FAILURES_IN_A_ROW}
    )


def forgiven_draws(intent: CertificateIntent, account: str, limits: Iterable[Limit]) -> tuple[Draw, ...]:
    """What is full again once the certificate is issued."""
    return tuple(
        draw
        for identifier in intent.identifiers
        for draw in failure_draws(account, identifier, limits)
        if draw.scope is LimitScope.FAILURES_IN_A_ROW
    )


def account_draw(limits: Iterable[Limit]) -> Draw:
    """What a new account draws on. All nodes are taken for one address: they may well be."""
    scope = LimitScope.ACCOUNTS_PER_ADDRESS
    return next((Draw(scope, "", limit) for limit in limits if limit.scope is scope), Draw(scope, "", None, 0))


def set_digest(identifiers: Iterable[Identifier]) -> str:
    """Stands for exactly these names, in whatever order."""
    lines = sorted({f"{each.type}:{each.value}" for each in identifiers})
    return sha256("\n".join(lines).encode()).hexdigest()[:32]


def _record_changes(intent: CertificateIntent) -> Iterator[Draw]:
    """Two for every name that is proved by a record at an account for which somebody set a pace: it is written, and
    taken away. Who has authorizations that are valid still needs none of them, but we do not know that yet."""
    counts: dict[tuple[str, str, int], int] = {}
    for identifier in intent.identifiers:
        rule = challenge_rule_for(intent, identifier, BY_RECORD)
        pace = rule.options.get(_PACE, "") if rule else ""
        if rule and pace.isdecimal() and int(pace):
            account = (f"dns:{rule.solver}", account_digest(rule.options), int(pace))
            counts[account] = counts.get(account, 0) + 2
    for (place, subject, pace_of), changes in counts.items():
        limit = Limit(LimitScope.RECORD_CHANGES, pace_of, timedelta(minutes=1))
        yield Draw(limit.scope, subject, limit, changes, place)


def account_digest(options: Mapping[str, str]) -> str:
    """Stands for the account at the provider, whatever zone and pace are written beside it."""
    beside = {_PACE, "concurrency", "zone", "ttl"}
    lines = sorted(f"{name}={value}" for name, value in options.items() if name not in beside)
    return sha256("\n".join(lines).encode()).hexdigest()[:16]


def _name_subject(account: str, identifier: Identifier) -> str:
    """An authorization is for the base name, and so is what is counted of it (RFC 8555 §7.1.4)."""
    return f"{account} {identifier.base}"

"""A forecast in words."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from evercert.acme.cas import LimitScope
from evercert.cli.display import span
from evercert.engine.forecast.figures import Figures
from evercert.engine.forecast.outlook import Outlook, Shortage

__all__ = ["day", "limit_name", "not_counted", "rows", "said", "shared", "verdict"]


def verdict(outlook: Outlook, days: int) -> str:
    """The first line."""
    if not outlook.shortages:
        return f"no limit is met within {days} days"
    return said(outlook.shortages[0])


def said(shortage: Shortage) -> str:
    """What comes of one limit, and what can be done about it."""
    since = day(shortage.since)
    met = f"{limit_name(shortage)} are used up on {since}" if shortage.bucket else f"no CA answers from {since} on"
    return "; ".join([met, _waiting(shortage), *_remedy(shortage)])


def limit_name(shortage: Shortage) -> str:
    """The limit: whose, what it counts by and for whom, how many in which time."""
    if shortage.bucket is None:
        return "an outage"
    limit, subject = shortage.bucket.limit, shortage.bucket.subject
    about = f" {subject}" if subject else ""
    return f"{shortage.bucket.ca.name}: {limit.scope.value}{about}: {limit.count:,} in {span(limit.period)}"


def _waiting(shortage: Shortage) -> str:
    words = [f"{_certificates(shortage.passed, 'would go')} to another CA"] if shortage.passed else []
    if not shortage.waiting:
        return f"{words[0]}, none would wait" if words else "none would wait"
    words += [_certificates(shortage.waiting, "would wait"), f"up to {span(timedelta(seconds=shortage.longest))}"]
    if shortage.lapsing and shortage.first_lapse is not None:
        words.append(f"{shortage.lapsing:,} of them would lapse, the first on {day(shortage.first_lapse)}")
    else:
        words.append("none would lapse")
    if shortage.left:
        words.append(f"{shortage.left:,} would wait still at the end")
    return ", ".join(words)


def _remedy(shortage: Shortage) -> Iterator[str]:
    if shortage.bucket is None or not shortage.waiting or shortage.need <= shortage.bucket.limit.count:
        return  # nobody waits for long
    period = span(shortage.bucket.limit.period)
    match shortage.bucket.limit.scope:
        case LimitScope.CERTIFICATES_PER_SET:
            yield "install one certificate in all places instead of one for each, or declare another CA"
        case LimitScope.ORDERS_PER_ACCOUNT:
            accounts = f", share them among {shortage.accounts:,} accounts" if shortage.accounts > 1 else ""
            yield f"ask for an override of {shortage.need:,} in {period}{accounts} or declare another CA"
        case _:
            yield f"ask for an override of {shortage.need:,} in {period} or declare another CA"


def shared(outlook: Outlook) -> Iterator[str]:
    """Which CA issues how many, where there are several."""
    if len(outlook.model.cas) > 1:
        yield f"issued by {', '.join(f'{ca.name}: {count:,}' for ca, count in outlook.shares)}"


def rows(figures: Figures, outlook: Outlook) -> Iterator[tuple[str, str]]:
    """What the fleet asks of the world: each with its name."""
    yield "certificates", f"{figures.certificates:,}"
    yield "life", _span(figures.life)
    yield "renewed every", _span(figures.every)
    yield "orders a day", _number(figures.orders_per_day)
    yield "orders on the busiest day", f"{figures.busiest_day:,}"
    yield "orders in the busiest hour", f"{figures.busiest_hour:,}"
    yield "requests a second", f"{figures.requests_per_second:.3g}, at most {figures.peak_requests_per_second:.3g}"
    peak = figures.peak_validations_per_second
    yield "validations a second", f"{figures.validations_per_second:.3g}, at most {peak:.3g}"
    yield "changes in DNS a day", _number(figures.dns_changes_per_day)
    yield "store", _size(figures.stored)
    yield "a CA may be away for", _span(figures.tolerance)
    yield "attempts in vain", f"{figures.failing:.1%}" if figures.failing else "none"
    yield "limits met", f"{len(outlook.shortages):,}" if outlook.shortages else "none"
    yield "certificates that lapse", f"{outlook.lapsing:,}" if outlook.lapsing else "none"


def not_counted(failing_over: int) -> list[str]:
    """What may come otherwise than it is said, each in a clause. So many certificates have further CAs."""
    clauses = [
        "the waits between failed attempts, and the limits of failed validations",
        "the pace of DNS providers, and how many may be under way at once",
        "new accounts, and limits that nobody told us of",
    ]
    if failing_over:
        whose = _certificates(failing_over, "has" if failing_over == 1 else "have")
        clauses.insert(
            0, f"what else than a limit sends one to further CAs, which {whose}: a CA that is down, refuses or fails"
        )
    return clauses


def day(moment: int) -> str:
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d}"


def _certificates(count: int, verb: str) -> str:
    return f"{count:,} certificate{'s' if count != 1 else ''} {verb}"


def _span(seconds: int) -> str:
    return span(timedelta(seconds=seconds)) if seconds > 0 else "-"


def _number(number: float) -> str:
    return f"{number:,.0f}" if number >= 10 or number == int(number) else f"{number:.1f}"


def _size(octets: int) -> str:
    for size, unit in ((1e9, "GB"), (1e6, "MB")):
        if octets >= size:
            return f"{octets / size:.1f} {unit}"
    return f"{octets / 1e3:.0f} kB"

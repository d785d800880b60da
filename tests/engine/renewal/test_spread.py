"""Renewals are spread: what came together does not come back together, and nothing is ever late for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evercert.base.names import parse_identifier
from evercert.engine.plan import renewal_moment
from evercert.engine.renewal.spread import earlier, share
from evercert.model.fact import CertificateFact, IssuedCertificate, Renewal
from evercert.model.intent import CertificateIntent, RenewPolicy

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
ANY = parse_identifier("any.example.test")

FLEET = 10_000
LIVES = [timedelta(hours=160), 47 * DAY, 90 * DAY, 398 * DAY]


def held(
    name: str, since: datetime, life: timedelta, *, on_schedule: bool = False, **policy: object
) -> CertificateFact:
    current = IssuedCertificate(
        id=1,
        certificate=name,
        issuance_id=1,
        key_id=1,
        serial="01",
        not_before=since,
        not_after=since + life,
        fingerprint="00",
        issuer="CA",
        ari_id="aki.serial",
        issued_at=since,
    )
    renew = RenewPolicy(**policy)  # type: ignore[arg-type]  # the struct says what it takes
    intent = CertificateIntent(name, (ANY,), "https://ca.test/dir", renew=renew)
    return CertificateFact(intent, current=current, on_schedule=on_schedule)


def due(fact: CertificateFact) -> datetime:
    assert fact.current is not None
    return renewal_moment(fact, fact.current)[0]


def fullest_hour(moments: Iterable[datetime]) -> int:
    hours = Counter(int(moment.timestamp()) // 3600 for moment in moments)
    return max(hours.values())


@pytest.mark.parametrize("life", LIVES)
@pytest.mark.parametrize("pattern", ["{}.example.test", "shop-{:05}", "host{}.eu-west-1.internal"])
def test_ten_thousand_that_were_onboarded_in_an_hour_do_not_come_back_in_an_hour(life: timedelta, pattern: str) -> None:
    facts = [held(pattern.format(n), NOW + HOUR * (n / FLEET), life) for n in range(FLEET)]
    moments = [due(fact) for fact in facts]
    hours = (max(moments) - min(moments)) / HOUR
    # A quarter of the time until a renewal, of which nearly all is used.
    assert hours > life * (1 / 2 if life < 10 * DAY else 2 / 3) * 0.24 / HOUR
    average = FLEET / hours
    assert fullest_hour(moments) < average + 6 * average**0.5 + 1


def test_what_is_spread_stays_spread_for_years() -> None:
    life = 90 * DAY
    facts = [held(f"{n}.example.test", NOW + HOUR * (n / FLEET), life) for n in range(FLEET)]
    for _ in range(12):
        facts = [held(fact.intent.name, due(fact), life, on_schedule=True) for fact in facts]
    assert fullest_hour(map(due, facts)) < 3 * FLEET / (15 * 24)


names, lives = st.text(min_size=1, max_size=40), st.integers(1, 10_000).map(lambda hours: hours * HOUR)


@given(names, lives, st.booleans(), st.one_of(st.none(), st.floats(0.05, 0.95)))
def test_no_renewal_is_later_than_the_policy_says_or_much_earlier(
    name: str, life: timedelta, on_schedule: bool, fraction: float | None
) -> None:
    fact = held(name, NOW, life, on_schedule=on_schedule, fraction=fraction)
    latest = life * (fraction or (1 / 2 if life < 10 * DAY else 2 / 3))
    assert latest * (0.97 if on_schedule else 0.74) < due(fact) - NOW <= latest
    assert due(fact) == due(fact)


@given(names, lives)
def test_where_the_ca_gives_a_window_the_window_wins(name: str, life: timedelta) -> None:
    window = Renewal(NOW + life / 2, NOW + life * 0.6, NOW + life * 0.55, NOW + HOUR)
    assert due(msgspec.structs.replace(held(name, NOW, life), renewal=window)) == NOW + life * 0.55


def test_what_came_from_elsewhere_is_not_all_due_when_it_is_imported() -> None:
    fact = held("www.example.test", NOW, 90 * DAY)
    assert fact.current is not None
    foreign = msgspec.structs.replace(fact.current, issuance_id=None)
    assert earlier(fact, foreign, 60 * DAY) <= 60 * DAY / 50


@given(names)
def test_a_share_is_a_share(name: str) -> None:
    assert 0 <= share(name) < 1
    assert share(name) == share(name)


def test_a_share_never_changes_from_version_to_version() -> None:
    """Else an upgrade would move the renewals of a whole fleet."""
    assert share("www.example.test") == pytest.approx(0.6623222003674729)
    fact = held("www.example.test", NOW, 90 * DAY)
    words = renewal_moment(fact, fact.current)[1] if fact.current else ""
    assert words.endswith("of its life is over (renewals are spread; 67% at the latest)")

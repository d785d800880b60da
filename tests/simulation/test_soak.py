"""A soak: nothing lapses where the arithmetic allows it; where it does not, the forecast said so; and it can fail."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from random import Random

import pytest

from evercert.acme.cas import Limit, LimitScope
from evercert.db.memory import MemoryDatabase
from evercert.engine.asking.choosing import Ask, Later, choose
from evercert.engine.limits.budget import draws, failure_draws
from evercert.engine.limits.holding import Held
from evercert.engine.limits.spending import Payer
from evercert.engine.plan import renewal_moment
from evercert.model.fact import CertificateFact, IssuedCertificate
from evercert.simulation.clock import BEGIN
from evercert.simulation.soak.columns import ACCOUNT, Columns
from evercert.simulation.soak.course import Course
from evercert.simulation.soak.given import DAY, HOUR, CaGiven, Given, Revocation, Rules, Silence, nightly
from evercert.simulation.soak.ledger import Ledger
from evercert.simulation.soak.soak import Report, soaked
from evercert.simulation.soak.words import told
from evercert.store.schema import MIGRATIONS
from tests.fakes.clock import FakeClock

HOURLY = "https://hourly.simulated.test/directory"


def small(**changed: object) -> Given:
    """Nothing goes wrong in it but what is said."""
    given = Given(certificates=300, seconds=200 * DAY, cas=(CaGiven(HOURLY),), new=0.0, failing=0)
    return replace(given, **changed)  # type: ignore[arg-type]  # each by its own test


def orders(count: int, period: timedelta = timedelta(hours=3)) -> CaGiven:
    """A CA that exempts nothing from its limit."""
    return CaGiven(HOURLY, (Limit(LimitScope.ORDERS_PER_ACCOUNT, count, period),))


@cache
def with_everything() -> Report:
    # So few orders that those who have no certificate yet must wait, and those who come back from the other CA may.
    return soaked(nightly(2_000, 3, (90 * DAY, 47 * DAY), seed=7, orders=30, domain=0, cas=2))


def test_with_every_fault_nothing_lapses() -> None:
    report = with_everything()
    assert report.broken == ()
    assert report.tally.lapsed == 0
    assert report.tally.waiting == {}


def test_every_fault_has_happened_in_it() -> None:
    tally = with_everything().tally
    assert len(tally.issued) == 2
    assert min(tally.silent, tally.postponed, tally.failed, tally.held, tally.exempt, tally.firsts) > 0
    assert tally.closest is not None
    assert tally.closest > 0


def test_as_many_are_issued_as_the_lives_need() -> None:
    tally = soaked(small(seconds=360 * DAY)).tally
    # One in sixty days or a little sooner; at the beginning each is somewhere in its life.
    assert 6 * 300 <= tally.issued.total() <= 6.2 * 300
    assert tally.least > 0.32


def test_the_same_seed_gives_the_same_soak() -> None:
    given = nightly(200, 1, (47 * DAY,), seed=3, orders=0, domain=0, cas=2)
    assert list(told(soaked(given))) == list(told(soaked(given)))
    assert list(told(soaked(given))) != list(told(soaked(replace(given, seed=4))))


def test_limits_that_are_just_enough_let_nothing_lapse() -> None:
    # 300 in sixty days are five a day; nine tenths of eight are more than seven.
    report = soaked(small(cas=(orders(8, timedelta(days=1)),), silences=(Silence(0, 80 * DAY, 3 * DAY),)))
    assert (report.tally.lapsed, report.broken) == (0, ())
    assert report.tally.held > 0


def test_where_limits_are_far_too_small_the_forecast_said_so() -> None:
    report = soaked(small(certificates=100, cas=(orders(1, timedelta(days=1)),)))
    assert report.tally.lapsed > 0
    assert report.forecasts[0].lapsing > 0
    assert (report.unforeseen, report.broken) == (0, ())
    assert any("1 new orders per account in" in why for why in report.tally.reasons)


@pytest.mark.parametrize(("allowed", "lapse"), [(40, False), (20, True)])
def test_a_days_notice_is_enough_or_the_forecast_says_that_it_is_not(allowed: int, lapse: bool) -> None:
    report = soaked(small(cas=(orders(allowed, timedelta(hours=2)),), revocations=(Revocation(0, 100 * DAY),)))
    [_, announced] = report.forecasts
    assert (announced.lapsing > 0, report.tally.lapsed > 0) == (lapse, lapse)
    assert report.forecasts[0].lapsing == 0
    assert report.broken == ()


def test_a_silence_longer_than_the_time_for_a_renewal_lapses_as_foreseen() -> None:
    report = soaked(
        small(certificates=100, lives=(6 * DAY,), seconds=40 * DAY, silences=(Silence(0, 20 * DAY, 5 * DAY),))
    )
    [before, during] = report.forecasts
    assert (before.lapsing, during.lapsing > 0, report.tally.lapsed > 0) == (0, True, True)
    assert report.broken == ()


def test_with_a_second_ca_such_a_silence_lapses_nothing() -> None:
    cas = (CaGiven(HOURLY), CaGiven("https://second.simulated.test/directory"))
    report = soaked(
        small(certificates=100, lives=(6 * DAY,), seconds=40 * DAY, silences=(Silence(0, 20 * DAY, 5 * DAY),), cas=cas)
    )
    assert report.tally.lapsed == 0
    assert report.tally.issued[cas[1].directory] > 0


@pytest.mark.parametrize(
    ("lives", "count", "seconds"),
    [((90 * DAY,), 2, 200 * DAY), ((47 * DAY,), 3, 200 * DAY), ((6 * DAY,), 10, 40 * DAY)],
    ids=["90 days", "47 days", "6 days"],
)
def test_which_of_two_cas_issues_how_many_was_foreseen(lives: tuple[int, ...], count: int, seconds: int) -> None:
    cas = (orders(count, timedelta(days=1)), CaGiven("https://second.simulated.test/directory"))
    report = soaked(small(lives=lives, seconds=seconds, cas=cas))
    foreseen = dict(report.forecasts[0].issued)
    assert min(foreseen.values()) > 0
    assert foreseen == {ca: pytest.approx(issued, rel=0.1) for ca, issued in report.tally.issued.items()}
    assert (report.forecasts[0].lapsing, report.tally.lapsed) == (0, 0)


def test_how_many_orders_failures_cost_was_foreseen() -> None:
    # One of four fails, and so of three orders a day two and a quarter are of use.
    report = soaked(small(failing=4, cas=(orders(3, timedelta(days=1)),)))
    [(ca, foreseen)] = report.forecasts[0].issued
    assert foreseen == pytest.approx(3 * 200 * 3 / 4, rel=0.02)
    assert report.tally.issued[ca] == pytest.approx(foreseen, rel=0.05)
    assert report.tally.failed > 0


def test_a_ca_without_ari_has_its_certificates_replaced_by_an_incident() -> None:
    report = soaked(small(cas=(CaGiven(HOURLY, ari=False),), revocations=(Revocation(0, 100 * DAY),)))
    assert report.tally.lapsed == 0
    assert report.tally.closest == DAY


async def test_its_ledger_says_what_the_one_in_the_store_says() -> None:
    limits = (
        Limit(LimitScope.ORDERS_PER_ACCOUNT, 12, timedelta(hours=3)),
        Limit(LimitScope.CERTIFICATES_PER_DOMAIN, 30, timedelta(days=1)),
        Limit(LimitScope.FAILURES_PER_NAME, 2, timedelta(hours=1)),
    )
    given, rng, clock, ledger = small(cas=(CaGiven(HOURLY, limits),)), Random(1), FakeClock(BEGIN), Ledger()
    fleet, db, seen = Columns(given, rng), MemoryDatabase(MIGRATIONS), Counter[bool]()
    for _ in range(600):
        clock.advance(rng.random() * HOUR / 4)
        number = rng.randrange(60)
        # Some of them are revoked, and so urgent; some have failed.
        fleet.revoked[number] = rng.randrange(3) == 0
        fact = fleet.fact(number, clock.now())
        payer = Payer(db, clock, HOURLY, fact)
        if rng.randrange(4) == 0:
            failed = failure_draws(ACCOUNT, fact.intent.identifiers[0], limits)
            await payer.charge(failed)
            ledger.pay(HOURLY, failed, clock.now())
        drawn = draws(fact.intent, limits)
        held = ledger.held(HOURLY, drawn, fact, clock.now())
        seen[held is None] += 1
        if held is None:
            await payer.pay(drawn, lambda paid: db.write(*paid))
            ledger.pay(HOURLY, drawn, clock.now())
        else:
            with pytest.raises(Held) as said:
                await payer.pay(drawn, lambda paid: db.write(*paid))
            assert (said.value.until, said.value.limit) == held
    assert min(seen[True], seen[False]) > 100
    db.close_now()


def test_the_command_says_what_came_of_it() -> None:
    command = [sys.executable, "-m", "evercert.simulation.soak", "--certificates", "50", "--years", "1", "--life", "47"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    assert "50 certificates of 47 days over 1 years, seed 1" in done.stdout
    assert "lapsed: 0, 0 of them unforeseen" in done.stdout
    assert "forecast (CA 0 revokes 100% in 24 hours)" in done.stderr


def at_the_last_hour(fact: CertificateFact, current: IssuedCertificate) -> tuple[datetime, str]:
    return current.not_after - timedelta(hours=1), "it is broken"


def deaf(fact: CertificateFact, current: IssuedCertificate) -> tuple[datetime, str]:
    """Hears of no window that was moved."""
    return renewal_moment(CertificateFact(fact.intent, fact.current), current)


def for_a_month(fact: CertificateFact, now: datetime, *known: object) -> Ask | Later:
    """Waits for a month whenever it has to wait."""
    choice = choose(fact, now, *known)  # type: ignore[arg-type]  # what it was given
    return choice if isinstance(choice, Ask) else replace(choice, until=now + timedelta(days=31))


@pytest.mark.parametrize(
    ("rules", "law"),
    [
        (Rules(renewal=at_the_last_hour), "were not asked for when they were due"),
        (Rules(renewal=deaf), "lapsed that no forecast had said would"),
        (Rules(choose=for_a_month), "lapsed that no forecast had said would"),
    ],
    ids=["renewal", "revocation", "choice"],
)
def test_a_broken_rule_is_seen(rules: Rules, law: str) -> None:
    given = small(silences=(Silence(0, 80 * DAY, 3 * DAY),), revocations=(Revocation(0, 150 * DAY),))
    assert soaked(given).broken == ()
    report = soaked(given, rules)
    assert report.tally.lapsed > 0
    assert law in "".join(report.broken)


def test_a_ledger_that_counts_too_little_is_seen() -> None:
    given = small(cas=(orders(2),), new=0.5)
    course = Course(given, Rules())
    course.ledger.pay = lambda *paid: None  # type: ignore[method-assign]  # broken on purpose
    course.run_until(HOUR)
    assert "429" in "".join(Report(given, course.tally, ()).broken)

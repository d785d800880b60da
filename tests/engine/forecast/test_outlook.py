"""The forecast whole: what it says will come is what it says would be needed against it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evercert.acme.cas import Limit, LimitScope
from evercert.engine.forecast.change import Change
from evercert.engine.forecast.fleet import Fleet
from evercert.engine.forecast.outlook import forecast, steps_of
from tests.engine.forecast.given import CA, DAY, HOUR, LETS_ENCRYPT, START, fleet_of, kind, rules
from tests.engine.forecast.test_course import limit

HORIZON = 90 * DAY


def test_a_fleet_that_renews_with_ari_meets_no_limit() -> None:
    outlook = forecast(fleet_of(2000, kind(), every=0, domain="shop.test"), rules(*LETS_ENCRYPT), {}, HORIZON)
    assert outlook.shortages == ()
    assert (outlook.figures.busiest_hour, outlook.figures.tolerance) == (2000, 30 * DAY)


def test_the_same_without_ari_at_a_ca_that_exempts_nothing_lapses_and_says_when() -> None:
    weekly = Limit(LimitScope.CERTIFICATES_PER_DOMAIN, 50, LETS_ENCRYPT[1].period)
    fleet = fleet_of(300, kind(), every=0, domain="shop.test")
    outlook = forecast(fleet, rules(weekly), {}, 60 * DAY)
    [shortage] = outlook.shortages
    assert (shortage.since, shortage.waiting) == (START, 300 - 45)
    # 45 at once, then one in 3.36 hours: 214 more within the 30 days that are left of their lives; when half of that is
    # over they are urgent, and draw the 5 that were kept for such.
    assert shortage.lapsing == 300 - 45 - 214 - 5
    assert shortage.first_lapse == START + 30 * DAY
    assert 50 < shortage.need < 300


@settings(deadline=None, max_examples=50)
@given(st.integers(2, 60), st.sampled_from([0, HOUR, DAY]), limit(LimitScope.ORDERS_PER_ACCOUNT))
def test_with_what_it_says_is_needed_nobody_waits_longer_than_a_day(count: int, every: int, given_limit: Limit) -> None:
    allowed = replace(given_limit, ari_exempt=False, renewal_exempt=False)
    fleet = fleet_of(count, kind(60 * DAY), every=every)
    outlook = forecast(fleet, rules(allowed), {}, HORIZON)
    for shortage in outlook.shortages:
        assert shortage.need >= allowed.count
        enough = forecast(fleet, rules(replace(allowed, count=shortage.need)), {}, HORIZON)
        # What is due within an hour is done at its end.
        assert all(each.longest <= DAY + HOUR for each in enough.shortages)
        assert enough.lapsing == 0


def test_an_outage_longer_than_what_is_left_of_a_life_lapses_just_those() -> None:
    fleet = fleet_of(100, kind(6 * DAY, lead=3 * DAY))
    short = forecast(fleet, rules(), {}, HORIZON, Change(outage=3 * DAY - HOUR))
    assert (short.lapsing, [each.bucket for each in short.shortages]) == (0, [None])
    long = forecast(fleet, rules(), {}, HORIZON, Change(outage=3 * DAY + 5 * HOUR))
    assert long.lapsing == 5
    assert short.figures.tolerance == 3 * DAY


def test_a_year_of_six_day_certificates_is_looked_at_in_parts_of_their_patience() -> None:
    short = fleet_of(1, kind(HOUR * 30, lead=15 * HOUR))
    assert steps_of(short, 10 * DAY).size == 15 * 60
    assert steps_of(fleet_of(1, kind()), HORIZON).size == HOUR
    assert steps_of(short, 3660 * DAY).count <= 20_000


@pytest.mark.parametrize(("change", "every"), [(Change(), 60), (Change(life=47 * DAY), 31), (Change(life=6 * DAY), 3)])
def test_what_is_asked_of_the_world_follows_from_the_life(change: Change, every: int) -> None:
    fleet = fleet_of(6000, kind(), every=60 * DAY // 6000)
    figures = forecast(fleet, rules(*LETS_ENCRYPT), {}, HORIZON, change).figures
    assert figures.every // DAY == every
    assert figures.orders_per_day == pytest.approx(6000 / (figures.every / DAY), rel=0.05)
    assert figures.busiest_day == pytest.approx(figures.orders_per_day, rel=0.05)
    assert figures.peak_requests_per_second >= figures.requests_per_second


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 40), st.integers(4, 60), st.integers(4, 60))
def test_shorter_lives_ask_for_no_less(count: int, one: int, another: int) -> None:
    fleet = fleet_of(count, kind(), every=DAY)
    shorter, longer = (
        sum(forecast(fleet, rules(), {}, HORIZON, Change(life=days * DAY)).course.due)
        for days in sorted((one, another))
    )
    assert shorter >= longer > 0


def test_growth_and_accounts_are_in_proportion() -> None:
    fleet = Fleet(START)
    for number in range(1000):
        fleet.add(kind(), START, 0, [f"n{number}.test"], number, dns=1, size=2)
    outlook = forecast(fleet, rules(*LETS_ENCRYPT), {}, HORIZON, Change(growth=3))
    [shortage] = outlook.shortages
    assert outlook.figures.certificates == 3000
    assert (shortage.bucket and shortage.bucket.subject, shortage.waiting) == ("default", 3000 - 270)
    assert shortage.accounts == -(-shortage.need // 300) > 1
    assert outlook.figures.dns_changes_per_day == pytest.approx(outlook.figures.orders_per_day * 2)


def test_those_that_come_take_room_and_are_asked_about_too() -> None:
    fleet = fleet_of(100, kind())
    before = forecast(fleet, rules(*LETS_ENCRYPT), {}, HORIZON).figures
    after = forecast(fleet, rules(*LETS_ENCRYPT), {}, HORIZON, Change(onboard=10)).figures
    assert after.certificates == pytest.approx(1000, abs=10)
    assert after.stored == pytest.approx(before.stored / 100 * after.certificates)
    assert after.requests_per_second > before.requests_per_second * 9


def test_nothing_is_a_fleet_too() -> None:
    outlook = forecast(Fleet(START), {}, {}, HORIZON)
    assert (outlook.shortages, outlook.figures.certificates) == ((), 0)
    assert forecast(Fleet(START), rules(*LETS_ENCRYPT), {}, HORIZON, Change(onboard=5)).shortages == ()
    assert CA in rules()

"""Certificates that may ask several CAs: laws that hold for any, and who is asked when a limit is met."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evercert.acme.cas import Limit, LimitScope
from evercert.engine.forecast.change import Change
from evercert.engine.forecast.course import Course, course_of
from evercert.engine.forecast.division import divided
from evercert.engine.forecast.fleet import CaRules, Fleet, Kind, OtherCa
from evercert.engine.forecast.model import Model, Steps
from evercert.engine.forecast.outlook import forecast
from evercert.engine.forecast.waiting import shared_out
from evercert.engine.limits.budget import interval
from evercert.model.terms import Criticality
from tests.engine.forecast.given import CA, DAY, HOUR, START, kind
from tests.engine.forecast.test_course import certificates, gathered, limits

SECOND, THIRD = "https://second.test/directory", "https://third.test/directory"
STEPS = Steps(START, HOUR, 20 * 24)
OTHERS = (OtherCa(SECOND, "default", ari=True), OtherCa(THIRD, "default", ari=False))


def fleet_of(found: list[tuple[tuple[Kind, int, int, list[str], int], int]]) -> Fleet:
    """Each with so many further CAs."""
    return gathered([(replace(of, further=OTHERS[:more]), *rest) for (of, *rest), more in found])


fleets = st.lists(st.tuples(certificates, st.integers(0, 2)), max_size=30).map(fleet_of)
outages = st.sampled_from([0, 0, 30 * HOUR])


def allowing(*each: tuple[Limit, ...]) -> dict[str, CaRules]:
    return {
        directory: CaRules(directory, directory, limits, ari=True)
        for directory, limits in zip((CA, SECOND, THIRD), each, strict=True)
    }


def played(fleet: Fleet, outage: int, *allowed: tuple[Limit, ...]) -> tuple[Model, Course]:
    model = divided(fleet, allowing(*allowed), {}, STEPS, Change(outage=outage))
    return model, course_of(model)


@settings(deadline=None, max_examples=60)
@given(fleets, outages, limits, limits, limits)
def test_nobody_is_lost_between_the_cas_and_no_limit_is_overdrawn(
    fleet: Fleet, outage: int, first: tuple[Limit, ...], second: tuple[Limit, ...], third: tuple[Limit, ...]
) -> None:
    model, course = played(fleet, outage, first, second, third)
    backlog = 0
    for due, renewed, new, waits in zip(course.due, course.renewals, course.firsts, course.waits, strict=True):
        backlog += due - renewed - new
        assert backlog == waits >= 0
    assert sum(each.left for each in course.waiting.values()) == backlog
    assert course.taken.total() == sum(course.renewals) + sum(course.firsts)
    for bucket, granted, asked in zip(model.buckets, course.granted, course.demand, strict=True):
        drawn = 0
        for step, count in sorted(granted.items()):
            drawn += count
            came_back = (step - min(granted)) * HOUR * 1_000_000 // interval(bucket.limit)
            assert drawn <= bucket.limit.count + came_back
        assert 0 <= asked.total() - granted.total() <= backlog


def test_a_cohort_that_has_gone_on_as_a_whole_is_asked_for_no_more() -> None:
    of = replace(kind(3 * DAY, lead=DAY, ari=False), further=OTHERS[:1], criticality=Criticality.CRITICAL)
    fleet = gathered([(of, 0, 0, ["a"], 1), (of, 0, 0, ["a"], 1)])
    _, course = played(fleet, 0, orders(2, timedelta(days=7)), (), ())
    assert not course.lapsed
    assert course.firsts[1] == 2


@settings(deadline=None, max_examples=60)
@given(fleets, limits)
def test_where_one_ca_has_no_limits_nothing_lapses(fleet: Fleet, first: tuple[Limit, ...]) -> None:
    fleet.kinds = [replace(kind, further=OTHERS[:1]) for kind in fleet.kinds]
    _, course = played(fleet, 0, first, (), ())
    assert not course.lapsed


@settings(deadline=None, max_examples=60)
@given(fleets, limits, limits)
def test_where_the_first_has_no_limits_the_others_are_not_asked(
    fleet: Fleet, second: tuple[Limit, ...], third: tuple[Limit, ...]
) -> None:
    model, course = played(fleet, 0, (), second, third)
    assert [model.cas[number].directory for number, count in course.taken.items() if count] in ([], [CA])


@settings(deadline=None)
@given(st.integers(1, 500), st.lists(st.tuples(st.integers(0, 1000), st.integers(1, 50)), min_size=1, max_size=4))
def test_those_that_wait_are_shared_out_so_that_none_would_be_served_sooner_elsewhere(
    count: int, turns: list[tuple[int, int]]
) -> None:
    parts = shared_out(count, turns)
    assert sum(parts) == count
    last = max(first + (part - 1) * apart for part, (first, apart) in zip(parts, turns, strict=True) if part)
    assert all(first + part * apart >= last for part, (first, apart) in zip(parts, turns, strict=True))


def orders(count: int, period: timedelta = timedelta(hours=1)) -> tuple[Limit, ...]:
    return (Limit(LimitScope.ORDERS_PER_ACCOUNT, count, period),)


def due_now(count: int, life: int, left: int, more: int = 1) -> Fleet:
    fleet = Fleet(START)
    of = replace(kind(life), further=OTHERS[:more])
    for number in range(count):
        fleet.add(of, START, START + left if left else 0, ["a.test"], number)
    return fleet


def issued(fleet: Fleet, days: int, *allowed: tuple[Limit, ...]) -> dict[str, int]:
    outlook = forecast(fleet, allowing(*allowed), {}, days * DAY)
    return {ca.directory: count for ca, count in outlook.shares}


def test_new_ones_wait_for_an_hour_and_no_longer() -> None:
    # Of 100 in an hour 10 are kept for what is urgent; 100 come back within the hour, for which they wait.
    fleet = due_now(1000, 90 * DAY, 0)
    assert issued(fleet, 1, orders(100), (), ()) == {CA: 190, SECOND: 810}
    outlook = forecast(fleet, allowing(orders(100), (), ()), {}, DAY)
    [shortage] = outlook.shortages
    assert (shortage.waiting, shortage.passed, shortage.lapsing) == (100, 810, 0)
    assert shortage.longest <= 2 * HOUR


@pytest.mark.parametrize(
    ("life", "left", "at_first"),
    [
        # A tenth of the two days that are left is 4.8 hours: four come back in that time.
        (6 * DAY, 2 * DAY, 9 + 4),
        # With a month left there is time for a day, and nobody is told to wait for longer.
        (90 * DAY, 30 * DAY, 9 + 24 * 15),
    ],
)
def test_a_renewal_waits_for_a_tenth_of_what_is_left(life: int, left: int, at_first: int) -> None:
    taken = issued(due_now(1000, life, left), 20 if life > 30 * DAY else 2, orders(10, timedelta(hours=10)), (), ())
    assert taken[CA] == pytest.approx(at_first, abs=12)
    assert taken[CA] + taken[SECOND] == 1000


def test_where_all_are_full_they_wait_where_their_turn_comes_first() -> None:
    taken = issued(due_now(1000, 90 * DAY, 0, more=2), 2, orders(30), orders(10), orders(10))
    shares = [taken[CA], taken[SECOND], taken[THIRD]]
    assert sum(shares) == 1000
    assert shares == pytest.approx([600, 200, 200], rel=0.06)


def test_what_comes_back_from_another_ca_is_a_first_one_again() -> None:
    limit = Limit(LimitScope.ORDERS_PER_ACCOUNT, 10, timedelta(hours=1), ari_exempt=True)
    fleet = due_now(200, 6 * DAY, 2 * DAY)
    # Renewals of its own are exempt: no limit is met, and all stay with the first CA.
    assert issued(fleet, 30, (limit,), (), ()) == {CA: 200 * 7 + 200, SECOND: 0}
    for number, each in enumerate(fleet.kinds):
        fleet.kinds[number] = replace(each, foreign=True, issued_by=1)
    taken = issued(fleet, 2, (limit,), (), ())
    assert (taken[CA] + taken[SECOND], taken[SECOND] > 100) == (200, True)

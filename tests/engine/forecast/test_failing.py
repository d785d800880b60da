"""Attempts that fail: each is an order of its own, and nothing else of what is granted changes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evercert.acme.cas import Limit, LimitScope
from evercert.engine.forecast.change import Change
from evercert.engine.forecast.course import course_of
from evercert.engine.forecast.division import divided
from evercert.engine.forecast.fleet import Fleet
from evercert.engine.forecast.model import Steps
from evercert.engine.forecast.outlook import forecast
from evercert.engine.limits.budget import interval
from tests.engine.forecast.given import CA, DAY, HOUR, LETS_ENCRYPT, START, fleet_of, kind, rules
from tests.engine.forecast.test_course import fleets, limit

STEPS = Steps(START, HOUR, 20 * 24)
ORDERS = Limit(LimitScope.ORDERS_PER_ACCOUNT, 10, timedelta(days=1))

shares = st.sampled_from([0.0, 0.02, 0.25, 0.5, 0.9])


@settings(deadline=None, max_examples=60)
@given(fleets, limit(LimitScope.ORDERS_PER_ACCOUNT), shares)
def test_with_the_orders_that_fail_no_limit_is_overdrawn(fleet: Fleet, allowed: Limit, failing: float) -> None:
    model = divided(fleet, rules(allowed), {}, STEPS, failing=failing)
    for bucket, granted in zip(model.buckets, course_of(model).granted, strict=True):
        certificates = 0
        for step, count in sorted(granted.items()):
            certificates += count
            came_back = (step - min(granted)) * HOUR * 1_000_000 / interval(allowed)
            # The last of them finds room for its first attempt.
            assert (certificates - 1) * bucket.cost + 1 <= allowed.count + came_back


@settings(deadline=None, max_examples=60)
@given(fleets, limit(LimitScope.CERTIFICATES_PER_DOMAIN), shares)
def test_what_a_ca_counts_when_it_has_issued_is_not_drawn_by_failures(
    fleet: Fleet, allowed: Limit, failing: float
) -> None:
    without, with_failures = (course_of(divided(fleet, rules(allowed), {}, STEPS, failing=of)) for of in (0, failing))
    assert (with_failures.firsts, with_failures.renewals) == (without.firsts, without.renewals)


@pytest.mark.parametrize(("failing", "granted"), [(0.0, 200), (0.2, 160), (0.5, 100)])
def test_of_a_limit_that_is_used_up_failures_take_their_part(failing: float, granted: int) -> None:
    fleet = fleet_of(1000, kind(10 * DAY), every=0)
    course = course_of(divided(fleet, rules(ORDERS), {}, STEPS, failing=failing))
    assert sum(course.renewals) == pytest.approx(granted, abs=11)


def test_orders_that_are_exempt_are_so_when_they_are_made_again() -> None:
    outlook = forecast(fleet_of(1000, kind(), every=0), rules(*LETS_ENCRYPT), {}, 60 * DAY, failing=0.5)
    assert outlook.shortages == ()
    assert outlook.figures.busiest_hour == 2000


def test_what_is_supposed_goes_before_what_is_known() -> None:
    fleet = fleet_of(240, kind(), every=HOUR)
    known, supposed, none = (
        forecast(fleet, rules(), {}, 10 * DAY, change, failing=0.2).figures
        for change in (Change(), Change(failing=0.5), Change(failing=0.0))
    )
    assert [each.failing for each in (known, supposed, none)] == [0.2, 0.5, 0.0]
    assert [each.orders_per_day for each in (known, supposed, none)] == pytest.approx([30, 48, 24])


def test_an_override_is_asked_for_with_room_for_failures() -> None:
    fleet = fleet_of(100, kind(), every=0)
    needs = [forecast(fleet, rules(ORDERS), {}, 60 * DAY, failing=failing).shortages[0].need for failing in (0.0, 0.5)]
    assert needs[1] == pytest.approx(2 * needs[0], rel=0.05)
    enough = forecast(fleet, rules(replace(ORDERS, count=needs[1])), {}, 60 * DAY, failing=0.5)
    assert all(each.longest <= DAY + HOUR for each in enough.shortages)
    assert CA in rules()

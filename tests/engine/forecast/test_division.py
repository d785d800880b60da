"""A fleet as cohorts: what is alike is one, a limit that cannot be met is none, what is supposed is done."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from evercert.acme.cas import Limit, LimitScope
from evercert.engine.forecast.change import Change
from evercert.engine.forecast.course import course_of
from evercert.engine.forecast.division import divided
from evercert.engine.forecast.fleet import CaRules, Fleet
from evercert.engine.forecast.model import NEVER, Steps
from tests.engine.forecast.given import CA, DAY, HOUR, LETS_ENCRYPT, START, fleet_of, kind, rules

STEPS = Steps(START, HOUR, 90 * 24)
OTHER = CaRules("other", "https://other.test/directory", LETS_ENCRYPT, ari=True)


def new(count: int, domain: str = "") -> Fleet:
    """So many certificates that were never issued."""
    fleet = Fleet(START)
    for number in range(count):
        fleet.add(kind(), START, 0, [domain or f"n{number}.test"], number)
    return fleet


def test_a_million_would_be_as_few_cohorts_as_a_hundred() -> None:
    model = divided(fleet_of(100, kind()), rules(*LETS_ENCRYPT), {}, STEPS)
    assert (len(model.cohorts), [bucket.limit.scope for bucket in model.buckets]) == (
        1,
        [LimitScope.ORDERS_PER_ACCOUNT],
    )
    assert model.cohorts[0].draws == ()


# A tenth of 50 is kept for urgent work.
@pytest.mark.parametrize(("count", "subjects"), [(45, []), (46, ["shop.test"])])
def test_a_domain_is_a_bucket_from_the_first_certificate_that_may_find_it_empty(
    count: int, subjects: list[str]
) -> None:
    model = divided(new(count, "shop.test"), rules(*LETS_ENCRYPT), {}, STEPS)
    found = [each.subject for each in model.buckets if each.limit.scope is LimitScope.CERTIFICATES_PER_DOMAIN]
    assert found == subjects
    assert any(course_of(model).waits) == bool(subjects)


def test_what_the_books_say_is_used_already_counts() -> None:
    week = 7 * DAY * 1_000_000
    books: dict[tuple[str, str, str | int], int] = {(CA, "domain", "shop.test"): START * 1_000_000 + week}
    model = divided(new(3, "shop.test"), rules(*LETS_ENCRYPT), books, STEPS)
    assert course_of(model).waits[0] == 3
    assert not any(course_of(divided(new(3, "shop.test"), rules(*LETS_ENCRYPT), {}, STEPS)).waits)


def test_what_the_books_say_of_an_exact_set_counts() -> None:
    week = 7 * DAY * 1_000_000
    books: dict[tuple[str, str, str | int], int] = {(CA, "set", 2): START * 1_000_000 + week}
    model = divided(new(3), rules(*LETS_ENCRYPT), books, STEPS)
    assert [bucket.sample for bucket in model.buckets if bucket.limit.scope is LimitScope.CERTIFICATES_PER_SET] == [2]
    assert course_of(model).waits[0] == 1


def test_renewals_of_the_same_names_meet_the_limit_of_the_set_where_the_ca_knows_no_ari() -> None:
    fleet = Fleet(START)
    for number in range(6):
        fleet.add(kind(ari=False), START, START + 30 * DAY, ["a.test"], 7 if number else 8)
    model = divided(fleet, rules(*LETS_ENCRYPT, ari=False), {}, STEPS)
    [bucket] = [each for each in model.buckets if each.limit.scope is LimitScope.CERTIFICATES_PER_SET]
    assert bucket.sample == 1
    # Five in a week, of which one is kept for urgent work; there are five of them.
    assert course_of(model).waits[:2] == [1, 1]


def test_a_life_that_is_supposed_leaves_each_as_far_in_its_life_as_it_is() -> None:
    fleet = fleet_of(1, kind(90 * DAY), first=30 * DAY)
    model = divided(fleet, rules(*LETS_ENCRYPT), {}, STEPS, Change(life=45 * DAY))
    assert dict(model.arrivals) == {15 * 24: {(0, 30 * 24): 1}}
    assert [(each.interval, each.slack) for each in model.cohorts] == [(30 * 24, 15 * 24)]


def test_at_another_ca_every_certificate_is_a_first_one_and_lapses_all_the_same() -> None:
    known = rules() | {OTHER.directory: OTHER}
    model = divided(fleet_of(60, kind(), every=0, domain="shop.test"), known, {}, STEPS, Change(to=OTHER))
    [(number, deadline)] = model.arrivals[0]
    cohort = model.cohorts[number]
    assert {model.buckets[each].limit.scope for each in cohort.draws} == {
        LimitScope.ORDERS_PER_ACCOUNT,
        LimitScope.CERTIFICATES_PER_DOMAIN,
    }
    assert deadline == 30 * 24
    assert model.cohorts[cohort.then].draws == ()


def test_those_that_are_not_chosen_stay_as_they_are_and_draw_on_the_same_limits() -> None:
    fleet = new(45, "shop.test")
    for number in range(5):
        fleet.add(replace(kind(), chosen=False), START, 0, ["shop.test"], 100 + number)
    model = divided(fleet, rules(*LETS_ENCRYPT), {}, STEPS, Change(growth=1.2))
    assert (model.chosen, sum(model.arrivals[0].values())) == (54, 59)
    course = course_of(model)
    assert course.due[0] == 54
    assert sum(waiting.count for waiting in course.waiting.values()) in range(9, 15)


def test_those_that_are_supposed_to_come_come_evenly_and_under_one_domain_if_so_said() -> None:
    known = rules(*LETS_ENCRYPT)
    model = divided(new(1), known, {}, STEPS, Change(onboard=10))
    assert model.chosen == 1 + 900
    assert not any(course_of(model).waits)
    model = divided(new(1), known, {}, STEPS, Change(onboard=10, under="shop.test"))
    course = course_of(model)
    [waiting] = course.waiting.values()
    # Ten a day come and fifty a week may: more than two a day are too many.
    assert waiting.left in range(900 - 45 - 90 * 50 // 7 - 2, 900 - 45 - 90 * 50 // 7 + 12)


def test_a_limit_of_requests_that_is_over_within_a_step_gives_in_it_what_it_gives() -> None:
    often = Limit(LimitScope.ORDERS_PER_ACCOUNT, 2, timedelta(seconds=60))
    course = course_of(divided(new(130), rules(often), {}, STEPS))
    assert course.firsts[0] == 108  # a tenth of 120 is kept
    assert (course.firsts[1], course.waits[1]) == (22, 0)


def test_a_first_certificate_cannot_lapse() -> None:
    model = divided(new(1), rules(), {}, STEPS)
    assert list(model.arrivals[0]) == [(1, NEVER)]

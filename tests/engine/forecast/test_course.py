"""The course of a fleet: laws that hold for any, and agreement with a simulation of every single certificate."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from evercert.acme.cas import Limit, LimitScope
from evercert.engine.forecast.course import course_of
from evercert.engine.forecast.division import divided
from evercert.engine.forecast.fleet import CaRules, Fleet, Kind
from evercert.engine.forecast.model import Model, Steps
from evercert.engine.limits.budget import interval, usable
from evercert.model.terms import Criticality
from tests.engine.forecast.brute import play_fleet, play_model
from tests.engine.forecast.given import CA, DAY, HOUR, LETS_ENCRYPT, START, fleet_of, kind, rules

STEPS = Steps(START, HOUR, 20 * 24)


def limit(scope: LimitScope) -> st.SearchStrategy[Limit]:
    return st.builds(
        Limit,
        st.just(scope),
        st.integers(1, 6),
        st.sampled_from([timedelta(hours=3), timedelta(days=1), timedelta(days=7)]),
        st.booleans(),
        st.booleans(),
    )


limits = st.tuples(
    st.none() | limit(LimitScope.ORDERS_PER_ACCOUNT),
    st.none() | limit(LimitScope.CERTIFICATES_PER_DOMAIN),
    st.none() | limit(LimitScope.CERTIFICATES_PER_SET),
).map(lambda found: tuple(each for each in found if each))

kinds = st.builds(
    Kind,
    st.just(CA),
    st.sampled_from(["default", "other"]),
    st.sampled_from([3 * DAY, 6 * DAY, 10 * DAY + 1234]),
    st.just(DAY),
    st.booleans(),
    criticality=st.sampled_from(Criticality),
    urgent=st.booleans(),
)
certificates = st.tuples(
    kinds,
    st.integers(-5, 200),
    st.integers(-20, 48),
    st.lists(st.sampled_from("abc"), min_size=1, max_size=2),
    st.integers(1, 4),
)


def gathered(found: list[tuple[Kind, int, int, list[str], int]]) -> Fleet:
    fleet = Fleet(START)
    for of, due, slack, domains, names in found:
        moment = START + due * HOUR + 77
        ends = moment + slack * HOUR if slack > 0 else 0
        fleet.add(of, moment, ends, domains, names)
    return fleet


fleets = st.lists(certificates, max_size=30).map(gathered)


def together(fleet: Fleet, allowed: tuple[Limit, ...]) -> Model:
    """The fleet of which nothing is spread: that is proved below."""
    model = divided(fleet, rules(*allowed), {}, STEPS)
    model.cohorts = [replace(cohort, spread=0) for cohort in model.cohorts]
    return model


@settings(deadline=None)
@given(fleets, limits)
def test_it_agrees_with_a_simulation_of_every_certificate(fleet: Fleet, allowed: tuple[Limit, ...]) -> None:
    model = together(fleet, allowed)
    course, brute = course_of(model), play_model(model)
    assert [a + b for a, b in zip(course.firsts, course.renewals, strict=True)] == [
        brute.granted[step] for step in range(STEPS.count)
    ]
    assert course.waits == [brute.waits[step] for step in range(STEPS.count)]
    assert course.lapsed == brute.lapsed


@settings(deadline=None)
@given(fleets, limits)
def test_no_limit_that_can_be_met_is_left_out(fleet: Fleet, allowed: tuple[Limit, ...]) -> None:
    course = course_of(together(fleet, allowed))
    brute = play_fleet(fleet, CaRules("", CA, allowed), STEPS)
    first = min((step for step in range(STEPS.count) if brute.waits[step]), default=None)
    assert next((step for step, waits in enumerate(course.waits) if waits), None) == first


@settings(deadline=None)
@given(fleets, limits)
def test_nobody_is_lost_and_nobody_waits_who_is_not_due(fleet: Fleet, allowed: tuple[Limit, ...]) -> None:
    course = course_of(divided(fleet, rules(*allowed), {}, STEPS))
    backlog = 0
    for due, renewed, first, waits in zip(course.due, course.renewals, course.firsts, course.waits, strict=True):
        backlog += due - renewed - first
        assert backlog == waits >= 0
    assert sum(each.left for each in course.waiting.values()) == backlog


@settings(deadline=None)
@given(fleets, limits)
def test_never_more_is_granted_than_a_limit_allows(fleet: Fleet, allowed: tuple[Limit, ...]) -> None:
    model = divided(fleet, rules(*allowed), {}, STEPS)
    for bucket, granted in zip(model.buckets, course_of(model).granted, strict=True):
        drawn = 0
        for step, count in sorted(granted.items()):
            drawn += count
            came_back = (step - min(granted)) * HOUR * 1_000_000 // interval(bucket.limit)
            assert drawn <= bucket.limit.count + came_back


def test_what_is_kept_of_a_limit_is_for_those_that_have_become_urgent() -> None:
    [allowed] = rules(replace(LETS_ENCRYPT[1], ari_exempt=False, renewal_exempt=False))[CA].limits
    fleet = Fleet(START)
    for number in range(60):
        # They end in a month, but for the last three: those have less than a sixth of their lives left.
        ends = START + (30 if number < 57 else 14) * DAY
        fleet.add(kind(), START, ends, ["shop.test"], number)
    course = course_of(divided(fleet, rules(allowed), {}, STEPS))
    # Three are urgent, and go first; of the 45 that are for all they leave 42.
    assert (course.renewals[0], usable(allowed, urgent=False)) == (45, 45)
    late = Fleet(START)
    for number in range(60):
        late.add(kind(), START, START + 14 * DAY, ["shop.test"], number)
    assert course_of(divided(late, rules(allowed), {}, STEPS)).renewals[0] == 50


@settings(deadline=None)
@given(fleets, limits)
def test_without_limits_everybody_is_served_at_once_and_nothing_lapses(
    fleet: Fleet, allowed: tuple[Limit, ...]
) -> None:
    model = divided(fleet, rules(*allowed), {}, STEPS)
    for course in (course_of(model, unlimited=True), course_of(divided(fleet, rules(), {}, STEPS))):
        assert not any(course.waits)
        assert course.due == [a + b for a, b in zip(course.firsts, course.renewals, strict=True)]
        assert course.waiting == {}


@given(st.integers(1, 40), st.integers(0, 9))
def test_every_certificate_renews_when_it_should(count: int, first: int) -> None:
    fleet = fleet_of(count, kind(3 * DAY), first=first * HOUR)
    course = course_of(divided(fleet, rules(*LETS_ENCRYPT), {}, STEPS))
    expected = Counter(
        step for number in range(count) for step in range(first + number, STEPS.count, 48) if step < STEPS.count
    )
    assert course.renewals == [expected[step] for step in range(STEPS.count)]
    assert not any(course.waits)


@given(st.integers(1, 500))
def test_what_is_issued_together_is_renewed_within_a_quarter_of_its_time(count: int) -> None:
    fleet = Fleet(START)
    for number in range(count):
        fleet.add(kind(6 * DAY, lead=2 * DAY, ari=False), START, 0, [f"n{number}.test"], number)
    course = course_of(divided(fleet, rules(), {}, STEPS))
    due = {step: found for step, found in enumerate(course.renewals[: 5 * 24]) if found}
    assert min(due) >= 3 * 24
    assert max(due) <= 4 * 24
    assert sum(due.values()) == count
    # Evenly: none of the 25 hours has more than its share.
    assert max(due.values()) <= -(-count // 25)

"""Windows and freezes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evercert.engine.plan import plan, renewal_moment
from evercert.engine.renewal.calendar import permitted
from evercert.model.fact import Renewal
from evercert.model.task import Step, Task, Wait
from evercert.model.terms import Freeze, OnRemoval, Terms, Window
from tests.engine.test_plan import DAY, INTENT, NOW, held

# NOW is a Monday at noon.
HOUR = timedelta(hours=1)
NIGHTS = Window((0, 1, 2, 3, 4), 22 * 60, 4 * 60)
OFFICE = Window((0, 1, 2, 3, 4), 9 * 60, 17 * 60, "Europe/Berlin")
FREEZE = Freeze(NOW - DAY, NOW + 5 * DAY, "end of year")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("terms", "moment", "begins"),
    [
        (Terms(), "2026-11-23T12:00", "2026-11-23T12:00"),
        (Terms(windows=(NIGHTS,)), "2026-11-23T12:00", "2026-11-23T22:00"),
        (Terms(windows=(NIGHTS,)), "2026-11-24T03:59", "2026-11-24T03:59"),
        (Terms(windows=(NIGHTS,)), "2026-11-24T04:00", "2026-11-24T22:00"),
        (Terms(windows=(NIGHTS,)), "2026-11-28T03:00", "2026-11-28T03:00"),  # Friday's, on Saturday
        (Terms(windows=(NIGHTS,)), "2026-11-28T05:00", "2026-11-30T22:00"),
        (Terms(windows=(OFFICE,)), "2026-11-23T07:00", "2026-11-23T08:00"),
        (Terms(windows=(OFFICE,)), "2026-07-01T06:30", "2026-07-01T07:00"),  # summer time
        (Terms(windows=(OFFICE, NIGHTS)), "2026-11-23T18:00", "2026-11-23T22:00"),
        (Terms(freezes=(FREEZE,)), "2026-11-23T12:00", "2026-11-28T12:00"),
        (Terms(windows=(NIGHTS,), freezes=(FREEZE,)), "2026-11-23T12:00", "2026-11-30T22:00"),
        (Terms(windows=(Window((6,), 0, 0),)), "2026-11-23T12:00", "2026-11-29T00:00"),
    ],
)
def test_it_begins_when_it_may(terms: Terms, moment: str, begins: str) -> None:
    assert permitted(at(moment), at(moment) + 60 * DAY, terms)[0] == at(begins)


def test_a_zone_that_the_machine_has_lost_is_utc() -> None:
    lost = Terms(windows=(Window((0,), 13 * 60, 14 * 60, "No/Where"),))
    assert permitted(NOW, NOW + DAY, lost)[0] == NOW + HOUR


windows = st.builds(
    Window,
    st.lists(st.integers(0, 6), min_size=1, unique=True).map(tuple),
    st.integers(0, 1439),
    st.integers(0, 1439),
    st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu"]),
)
hours = st.integers(-500, 500).map(lambda count: NOW + count * HOUR)
freezes = st.tuples(hours, hours).map(lambda ends: Freeze(min(ends), max(ends)))
terms = st.builds(
    Terms, windows=st.lists(windows, max_size=3).map(tuple), freezes=st.lists(freezes, max_size=3).map(tuple)
)


@given(terms, hours, st.integers(0, 900))
def test_it_is_never_early_and_never_too_late_and_asking_again_changes_nothing(
    of: Terms, moment: datetime, left: int
) -> None:
    last = moment + left * HOUR
    begins, _ = permitted(moment, last, of)
    assert moment <= begins <= last
    assert permitted(begins, last, of)[0] == begins
    if begins < last:
        assert not any(freeze.since <= begins < freeze.until for freeze in of.freezes)


def test_a_renewal_waits_for_the_end_of_a_freeze_and_says_so() -> None:
    fact = held(61 * DAY, 90 * DAY, ari_poll_at=NOW + 1000 * DAY)
    frozen = msgspec.structs.replace(fact, intent=msgspec.structs.replace(INTENT, terms=Terms(freezes=(FREEZE,))))
    assert isinstance(plan(fact, NOW), Task)
    step = plan(frozen, NOW)
    assert isinstance(step, Wait)
    assert (step.until, step.reason) == (FREEZE.until, "66% of its life is over, put off for a freeze (end of year)")


def test_a_freeze_is_broken_before_the_certificate_ends() -> None:
    long = Terms(freezes=(Freeze(NOW - DAY, NOW + 500 * DAY),))
    fact = held(80 * DAY, 90 * DAY, intent=msgspec.structs.replace(INTENT, terms=long), ari_poll_at=NOW + 1000 * DAY)
    step = plan(fact, NOW)
    assert isinstance(step, Wait)
    assert step.until == NOW + DAY


def test_no_freeze_is_heard_after_the_window_of_the_ca() -> None:
    frozen = msgspec.structs.replace(INTENT, terms=Terms(freezes=(FREEZE,)))
    past = Renewal(NOW - 3 * DAY, NOW - 2 * DAY, NOW - 3 * DAY, NOW + DAY)
    fact = held(DAY, 90 * DAY, renewal=past, intent=frozen)
    assert isinstance(plan(fact, NOW), Task)
    assert fact.current is not None
    assert renewal_moment(fact, fact.current)[0] == NOW - 3 * DAY
    assert renewal_moment(fact, fact.current, NOW)[0] == NOW


@pytest.mark.parametrize("how", [OnRemoval.REVOKE, OnRemoval.DELETE])
def test_what_is_to_go_goes_and_nothing_else_is_done(how: OnRemoval) -> None:
    step = plan(held(80 * DAY, 90 * DAY, leaving=how), NOW)
    assert isinstance(step, Task)
    assert step.step is Step.LEAVE

"""How long to wait after failures."""

from __future__ import annotations

from datetime import timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evercert.base.backoff import poll_delay, retry_delay

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


@pytest.mark.parametrize(("failures", "wait"), [(1, MINUTE), (2, 10 * MINUTE), (3, 100 * MINUTE), (4, DAY), (900, DAY)])
def test_without_a_certificate_the_waits_are_those_of_the_integration_guide(failures: int, wait: timedelta) -> None:
    assert wait <= retry_delay(failures, rng=Random(failures)) <= wait * 1.25


def test_a_certificate_with_three_days_left_is_tried_every_few_hours() -> None:
    assert retry_delay(9, left=timedelta(hours=72), life=6 * DAY, rng=Random(1)) <= timedelta(hours=4.5)


def test_a_certificate_of_an_hour_is_tried_many_times_in_its_last_minutes() -> None:
    assert retry_delay(3, left=5 * MINUTE, life=60 * MINUTE, rng=Random(1)) < timedelta(seconds=20)


@given(st.integers(1, 1000), st.timedeltas(timedelta(days=-400), timedelta(days=400)), st.randoms())
def test_nothing_of_ninety_days_is_tried_more_than_three_times_an_hour_after_the_second_failure(
    failures: int, left: timedelta, rng: Random
) -> None:
    wait = retry_delay(failures, left=left, life=120 * DAY, rng=rng)
    assert wait >= (MINUTE, 10 * MINUTE, 20 * MINUTE)[min(failures, 3) - 1]
    assert wait <= 1.25 * DAY


@given(st.integers(1, 1000), st.timedeltas(-DAY, DAY), st.timedeltas(timedelta(), DAY), st.randoms())
def test_however_short_the_life_there_is_a_pause(failures: int, left: timedelta, life: timedelta, rng: Random) -> None:
    assert retry_delay(failures, left=left, life=life, rng=rng) >= timedelta(seconds=5)


def test_polling_begins_quickly_and_never_waits_longer_than_ten_seconds() -> None:
    delays = [poll_delay(asked) for asked in range(50)]
    assert delays[0] <= 0.1
    assert delays == sorted(delays)
    assert delays[-1] == 10.0

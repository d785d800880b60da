from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evercert.acme.ari import bounded_poll, checked_ari_id, moment_within
from evercert.base.errors import EvercertError

START = datetime(2026, 1, 1, tzinfo=UTC)


@given(st.timedeltas(min_value=timedelta(seconds=1), max_value=timedelta(days=400)), st.integers())
def test_the_moment_is_inside_the_window(length: timedelta, seed: int) -> None:
    assert START <= moment_within(START, START + length, Random(seed)) <= START + length


def test_moments_are_spread_evenly() -> None:
    rng = Random(1)
    hours = [
        (moment_within(START, START + timedelta(hours=10), rng) - START) // timedelta(hours=1) for _ in range(10_000)
    ]
    assert all(900 < hours.count(hour) < 1100 for hour in range(10))


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (None, timedelta(hours=6)),
        (timedelta(), timedelta(minutes=1)),
        (timedelta(hours=6), timedelta(hours=6)),
        (timedelta(days=365), timedelta(days=1)),
    ],
)
def test_renewal_information_is_asked_for_between_a_minute_and_a_day_later(
    asked: timedelta | None, expected: timedelta
) -> None:
    assert bounded_poll(asked) == expected


def test_the_rfc_s_identifier_is_one() -> None:
    assert checked_ari_id("aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE")


@pytest.mark.parametrize("text", ["", "a", "a.", ".b", "a.b.c", "a/../b.c", "a.b?x", "a b.c", "ä.b"])
def test_what_is_no_identifier_goes_into_no_url(text: str) -> None:
    with pytest.raises(EvercertError, match="renewal information"):
        checked_ari_id(text)

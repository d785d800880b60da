"""Which events are for which hook, and how long an event waits that was not taken."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random

import pytest

from evercert.model.hook import Hook
from evercert.notify.rules import About, is_for, is_given_up, is_refusal, pause_after

ISSUED = About("certificate-issued", "www", "web@example.com", ("edge", "eu"))
NOW = datetime(2026, 12, 1, tzinfo=UTC)
OUTAGE = About("ca-does-not-answer", "")


@pytest.mark.parametrize(
    ("hook", "event", "is_told"),
    [
        (Hook("h", ("*",)), ISSUED, True),
        (Hook("h", ("*",)), OUTAGE, True),
        (Hook("h", ("deploy*", "certificate-*")), ISSUED, True),
        (Hook("h", ("deploy*",)), ISSUED, False),
        (Hook("h", ("*",), certificates=("api", "w*")), ISSUED, True),
        (Hook("h", ("*",), certificates=("api",)), ISSUED, False),
        (Hook("h", ("*",), certificates=("*",)), OUTAGE, False),
        (Hook("h", ("*",), owner="*@example.com"), ISSUED, True),
        (Hook("h", ("*",), owner="*@example.net"), ISSUED, False),
        (Hook("h", ("*",), owner="?*"), OUTAGE, False),
        (Hook("h", ("*",), tag="e?"), ISSUED, True),
        (Hook("h", ("*",), tag="us"), ISSUED, False),
        (Hook("h", ("*",), tag="*"), OUTAGE, False),
        (Hook("h", ("*",), certificates=("w*",), owner="web*", tag="us"), ISSUED, False),
        (Hook("h", ("*",)), About("hook-given-up", "", hook="another"), True),
        (Hook("h", ("*",)), About("hook-given-up", "", hook="h"), False),
    ],
)
def test_a_hook_is_told_of_what_fits_all_that_it_says(hook: Hook, event: About, is_told: bool) -> None:
    assert is_for(hook, event) is is_told


def test_pauses_grow_up_to_an_hour_and_go_on() -> None:
    pauses = [pause_after(failures, None, Random(failures)) for failures in range(1, 50)]
    assert pauses[0] < timedelta(seconds=3)
    assert all(second >= first for first, second in pairwise(pauses[:6]))
    assert all(timedelta(hours=1) <= pause <= timedelta(minutes=75) for pause in pauses[5:])


def test_a_receiver_may_ask_for_a_longer_pause_but_not_for_a_day() -> None:
    assert pause_after(1, timedelta(minutes=10), Random(1)) >= timedelta(minutes=10)
    assert pause_after(4, timedelta(seconds=1), Random(1)) >= timedelta(minutes=5)
    assert pause_after(1, timedelta(days=3), Random(1)) <= timedelta(minutes=75)


@pytest.mark.parametrize(
    ("failures", "since", "is_gone"),
    [
        (20, timedelta(days=7), True),
        (150, timedelta(days=6.99), False),
        (19, timedelta(days=90), False),
        (1, None, False),
        (90, None, False),
    ],
)
def test_who_takes_nothing_for_a_week_is_given_up(failures: int, since: timedelta | None, is_gone: bool) -> None:
    assert is_given_up(failures, None if since is None else NOW - since, NOW) is is_gone


def test_only_what_is_refused_for_good_is_a_refusal() -> None:
    assert [status for status in (301, 400, 401, 404, 408, 410, 425, 429, 500, 503) if is_refusal(status)] == [
        400,
        401,
        404,
        410,
    ]

"""How high a limit would have to be."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from evercert.acme.cas import Limit
from evercert.engine.forecast.model import Bucket, Steps
from evercert.engine.limits.budget import interval, room_at

__all__ = ["needed"]

_SECOND = 1_000_000


def needed(bucket: Bucket, demand: Counter[int], steps: Steps, patience: int) -> int:
    """The smallest number for that period with which nobody waits longer than *patience* seconds."""
    limit = bucket.limit

    def is_enough(count: int) -> bool:
        return _longest(bucket, replace(limit, count=count), demand, steps) <= patience * _SECOND

    most = limit.count
    while not is_enough(most):
        most *= 2
    least = limit.count
    while least < most:
        middle = (least + most) // 2
        if is_enough(middle):
            most = middle
        else:
            least = middle + 1
    return most


def _longest(bucket: Bucket, limit: Limit, demand: Counter[int], steps: Steps) -> int:
    """How many microseconds the last of those waits longest that come at the same step, first come, first served."""
    start, span = steps.start * _SECOND, bucket.span(limit)
    # What was drawn stays drawn, in tokens of the higher limit.
    tat = start + max(0, bucket.tat - start) * interval(limit) // interval(bucket.limit)
    longest = 0
    for step, count in sorted(demand.items()):
        now = steps.moment(step) * _SECOND
        tat = max(tat, now) + count * span
        longest = max(longest, room_at(limit, tat - span) - now)
    return longest

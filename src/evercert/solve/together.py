"""Side by side, to the end: what one name's challenge does never cuts another's off half-way."""

from __future__ import annotations

from collections.abc import Awaitable, Iterable

from evercert.base.waiting import all_ended

__all__ = ["side_by_side"]


async def side_by_side(work: Iterable[Awaitable[object]]) -> None:
    """Do all of it; afterwards raise the first failure, when none is left running."""
    for result in await all_ended(work):
        if isinstance(result, BaseException):
            raise result

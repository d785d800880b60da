"""A node's duties, which end with it whatever becomes of them."""

from __future__ import annotations

import asyncio

from evercert.base.clock import SystemClock
from evercert.base.errors import EvercertError
from evercert.ca.node.upkeep import kept_up


async def test_a_duty_that_fails_as_it_is_cancelled_does_not_go_on_for_ever() -> None:
    begun, turns = asyncio.Event(), 0

    async def duty() -> None:
        nonlocal turns
        turns += 1
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            raise EvercertError("store", "what it held could not be given back")

    async with asyncio.timeout(20):
        async with kept_up(SystemClock(), {"holding": (3600.0, duty)}):
            await begun.wait()
    assert turns == 1

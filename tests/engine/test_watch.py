"""That the store fails is told once, whatever number of loops find it out, and that it is back, once."""

from __future__ import annotations

from datetime import timedelta

from evercert.base.errors import EvercertError
from evercert.engine.report import Telling
from evercert.engine.watch import StoreWatch
from tests.fakes.clock import FakeClock

AWAY = EvercertError("store", "the connection to db was lost")


def test_it_is_back_when_every_loop_that_it_failed_has_reached_it() -> None:
    told: list[str] = []
    clock = FakeClock()
    watch = StoreWatch(clock, Telling(lambda _, text: told.append(text)), timedelta(seconds=10))
    assert not watch.heard("work")
    assert watch.heard("work", AWAY)
    clock.advance(61.2)
    assert watch.heard("polls", AWAY)
    assert not watch.heard("work")
    assert not watch.heard("hooks")
    assert told == ["the connection to db was lost; what needs the store waits, and it is tried again every 10 s"]
    clock.advance(10)
    # Whatever else went wrong, it was not the store.
    assert not watch.heard("polls", EvercertError("internal", "an unexpected KeyError"))
    assert told[1:] == ["the store answers again, after 0:01:11; what was left is gone on with"]
    watch.heard("polls", AWAY)
    assert len(told) == 3

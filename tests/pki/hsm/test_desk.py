"""The desk: one thing at a time, for callers who wait no longer than they said."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event, get_ident

import pytest

from evercert.base.errors import EvercertError
from evercert.pki.hsm.desk import Desk, desk_of


def test_everything_is_done_in_one_thread_that_is_not_the_callers() -> None:
    desk = Desk("test")
    with ThreadPoolExecutor(4) as pool:
        seen = set(pool.map(lambda _: desk.ask(get_ident, 10), range(100)))
    assert len(seen) == 1
    assert get_ident() not in seen


def test_a_library_has_one_desk_in_the_process() -> None:
    assert desk_of("/a.so") is desk_of("/a.so")
    assert desk_of("/a.so") is not desk_of("/b.so")


def test_what_was_raised_is_raised_to_whoever_asked() -> None:
    with pytest.raises(ZeroDivisionError):
        Desk("test").ask(lambda: 1 // 0, 10)


@pytest.fixture
def hanging() -> Iterator[tuple[Desk, Event]]:
    """A desk whose library hangs until the event is set."""
    desk, began, released = Desk("test"), Event(), Event()

    def hang() -> None:
        began.set()
        released.wait()

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(desk.ask, hang, 60)
        assert began.wait(10)
        yield desk, released
        released.set()
        first.result(10)


def test_whoever_waits_for_a_token_that_hangs_is_told_so_and_what_they_asked_is_never_done(
    hanging: tuple[Desk, Event],
) -> None:
    desk, released = hanging
    done: list[str] = []
    with pytest.raises(EvercertError, match="did not answer") as raised:
        desk.ask(lambda: done.append("asked"), 0.01)
    released.set()
    assert desk.ask(lambda: "again", 10) == "again"
    assert raised.value.code.name == "timeout"
    assert done == []


def test_whoever_asked_for_what_hangs_is_told_so_too() -> None:
    desk, released = Desk("test"), Event()
    with pytest.raises(EvercertError, match="did not answer"):
        desk.ask(released.wait, 0.01)
    released.set()


def test_a_crowd_before_a_token_that_hangs_is_sent_away_at_once(hanging: tuple[Desk, Event]) -> None:
    desk, _ = hanging
    for _ in range(1000):
        with pytest.raises(EvercertError, match="did not answer"):
            desk.ask(lambda: None, 0)
    with pytest.raises(EvercertError, match="others are waiting"):
        desk.ask(lambda: None, 60)

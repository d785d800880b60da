"""The collector of cycles: at rest, afterwards, and with much to pass over."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from evercert.base.collecting import collector_at_rest, pass_over_what_there_is


class Knot:
    """Refers to itself, so that only the collector frees it."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture
def usual_again() -> Iterator[None]:
    usual = gc.get_threshold()
    yield
    gc.set_threshold(*usual)
    gc.unfreeze()


def test_it_rests_until_the_outermost_stretch_ends() -> None:
    with collector_at_rest():
        assert not gc.isenabled()
        with collector_at_rest():
            pass
        assert not gc.isenabled()
    assert gc.isenabled()


def test_it_works_again_after_a_failure() -> None:
    def fail() -> None:
        with collector_at_rest():
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert gc.isenabled()


@pytest.mark.usefixtures("usual_again")
def test_what_there_is_is_passed_over_and_what_comes_later_is_freed() -> None:
    pass_over_what_there_is()
    before = gc.get_freeze_count()
    later = weakref.ref(Knot())
    gc.collect()
    assert later() is None
    assert gc.get_freeze_count() >= before > 0

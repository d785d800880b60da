"""The collector of cycles, at rest and afterwards."""

from __future__ import annotations

import gc

import pytest

from evercert.base.collecting import collector_at_rest


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

"""Bad declarations: every fault is told where it is, with what to write instead."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.engine.declaring.corpus import Case, cases, faults_of, told

CASES = list(cases())


def test_there_are_a_hundred() -> None:
    assert len(CASES) >= 100
    assert len({case.title for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
def test_it_is_told_with_its_place_and_a_hint(case: Case, tmp_path: Path) -> None:
    faults = faults_of(case, tmp_path)
    assert told(faults, tmp_path) == case.expected
    assert faults
    assert all(fault.hint for fault in faults)

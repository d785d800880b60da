"""The shape of `src`: short functions, files that can be read at a sitting."""

from __future__ import annotations

from statistics import median

from tests.house.sources import ROOT, functions, python_files

# Files above 400 lines, each with the reason why it is one thing. None may be above 600.
LONG_FILES: dict[str, str] = {}


def test_half_of_all_functions_have_at_most_8_lines() -> None:
    assert median(function.lines for function in functions()) <= 8


def test_nine_of_ten_functions_have_at_most_25_lines() -> None:
    lines = sorted(function.lines for function in functions())
    assert lines[int(len(lines) * 0.9)] <= 25


def test_no_function_has_more_than_60_lines() -> None:
    assert [function for function in functions() if function.lines > 60] == []


def test_files_above_400_lines_have_a_reason_and_none_is_above_600() -> None:
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in python_files("src")}
    assert {name for name, lines in lengths.items() if lines > 400} == LONG_FILES.keys()
    assert [name for name, lines in lengths.items() if lines > 600] == []

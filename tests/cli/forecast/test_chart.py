"""Charts of characters, as they are printed."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evercert.cli.forecast.chart import Chart, drawn_chart, gathered, plain, short
from evercert.cli.forecast.heat import calendar_of, drawn_calendar

BEGINS = 1_798_761_600  # 2027-01-01
DAY = 86_400


amounts = st.floats(0, 1e9, allow_subnormal=False)


def chart(lower: list[float], upper: list[float], limit: float | None = None) -> Chart:
    ends = BEGINS + len(lower) * DAY
    return Chart("orders a day", lower, upper, "renewals", "waiting", BEGINS, ends, limit, f"limit {limit}")


def test_columns_stand_on_one_another_beside_the_line_of_the_limit() -> None:
    lower = [0, 2, 4, 6, 8, 10, 8.2, 6.7, 5, 5, 3, 1, *[0] * 12]
    upper: list[float] = [0, 0, 0, 0, 2, 6, 4, 0, 0, 2, *[0] * 14]
    assert "\n".join(drawn_chart(chart(lower, upper, 12), 40)) == (
        """\
orders a day
    16 ┤     ░
       │     ░
    12 ┤─────░░─────────────────
    11 ┤    ░░░
       │    ░█░
       │    ███▂ ░
   6.4 ┤   ▆████▁░
       │  ▄███████
       │ ▂████████▇
   1.6 ┤ ██████████▅
       └────────────────────────
        2027-01-01    2027-01-25
        █ renewals   ░ waiting   ─ limit
        12"""
    )


def test_a_stream_that_takes_no_more_gets_ascii() -> None:
    assert [plain(line) for line in drawn_chart(chart([1, 0, 2], [0, 1, 0]), 80)] == [
        "orders a day",
        "     2 |  #",
        "       |  #",
        "       |  #",
        "   1.4 |  #",
        "       |  #",
        "       |#+#",
        "   0.8 |#+#",
        "       |#+#",
        "       |#+#",
        "   0.2 |#+#",
        "       +---",
        "        2027-01-01",
        "        # renewals   + waiting",
    ]


@given(
    st.lists(st.tuples(amounts, amounts), min_size=1, max_size=70),
    st.none() | amounts,
)
def test_no_line_is_wider_than_the_terminal_and_every_column_reaches_its_height(
    columns: list[tuple[float, float]], limit: float | None
) -> None:
    drawn = chart([low for low, _ in columns], [high for _, high in columns], limit)
    lines = drawn_chart(drawn, len(columns) + 8)
    assert max(map(len, lines[1:12])) <= len(columns) + 8
    top = max([limit or 0, *(low + high for low, high in columns)]) or 1
    for number, (low, high) in enumerate(columns):
        cells = [line.ljust(90)[8 + number] for line in lines[1:11]]
        filled = sum(cell not in " ─" for cell in cells)
        assert filled == -(-round((low + high) / top * 80) // 8)


def test_an_empty_fleet_has_an_empty_chart() -> None:
    assert drawn_chart(chart([0] * 30, [0] * 30), 80)[1:4] == ["     1 ┤", "       │", "       │"]


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (0, "0"),
        (0.25, "0.2"),
        (9.5, "9.5"),
        (50, "50"),
        (9999, "9999"),
        (12_345, "12k"),
        (2.5e6, "2.5M"),
        (3e9, "3.0G"),
    ],
)
def test_a_number_is_short(number: float, said: str) -> None:
    assert short(number) == said


@given(st.lists(st.integers(0, 9), max_size=300), st.integers(1, 90))
def test_what_is_gathered_is_all_there_in_no_more_columns_than_asked(series: list[int], columns: int) -> None:
    parts = gathered([float(each) for each in series], columns)
    assert [each for part in parts for each in part] == series
    assert len(parts) <= columns
    assert len({len(part) for part in parts[:-1]}) <= 1


def test_a_calendar_has_a_cell_for_each_day_and_the_busiest_is_the_darkest() -> None:
    first = date(2027, 1, 28)
    counts = {first + timedelta(days=number): number for number in range(0, 17, 4)}
    heat = calendar_of("due on each day", counts, first, first + timedelta(days=16))
    assert "\n".join(drawn_calendar(heat, 80)) == (
        """\
due on each day
          Feb
   Mon    ▒ ·
          · █
   Wed    · ·
        · · ·
   Fri  · ▓ ·
        · · █
   Sun  · ·
        · none  ░ up to 1  ▒ up to 4  ▓ up to 9  █ up to 16"""
    )


def test_a_calendar_with_little_to_do_names_no_shade_that_stands_for_nothing() -> None:
    first = date(2027, 1, 25)
    heat = calendar_of("due", {first: 1, first + timedelta(days=1): 2}, first, first + timedelta(days=1))
    *_, legend = drawn_calendar(heat, 80)
    assert legend.strip() == "· none  ▓ up to 1  █ up to 2"

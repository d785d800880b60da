"""The picture: well-formed, for everybody, and with the numbers of the chart in it."""

from __future__ import annotations

from datetime import date
from xml.etree.ElementTree import Element, fromstring

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evercert.cli.forecast.chart import Chart
from evercert.cli.forecast.heat import calendar_of
from evercert.cli.forecast.svg import document

BEGINS = 1_798_761_600  # 2027-01-01
DAY = 86_400
SVG = "{http://www.w3.org/2000/svg}"


def chart(lower: list[int], upper: list[int], limit: float | None = None, title: str = "orders") -> Chart:
    return Chart(
        title, lower, upper, "renewals", "waiting", BEGINS, BEGINS + len(lower) * DAY, limit, "limit" if limit else ""
    )


def drawn(*charts: Chart, title: str = "a forecast") -> Element:
    return fromstring(document(title, ["no limit is met"], list(charts), None))


def rects(root: Element, kind: str) -> list[Element]:
    return [each for group in root.iter(f"{SVG}g") for each in group.iter(f"{SVG}rect") if each.get("class") == kind]


def test_it_can_be_read_aloud_and_needs_nothing_else() -> None:
    text = document(
        "a forecast", ["one", "two"], [chart([1], [2])], calendar_of("due", {}, date(2027, 1, 1), date(2027, 2, 1))
    )
    root = fromstring(text)
    assert root.get("role") == "img"
    named = {each.get("id"): each.text for each in root if each.get("id")}
    assert named == {"title": "a forecast", "description": "one two"}
    assert set((root.get("aria-labelledby") or "").split()) == named.keys()
    assert "prefers-color-scheme: dark" in text
    assert not any(word in text for word in ("<script", "href", "url(", "@import", "<image", "<foreignObject"))


@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)), min_size=1, max_size=90))
def test_every_column_is_as_high_as_its_number_and_says_it(columns: list[tuple[int, int]]) -> None:
    lower, upper = [low for low, _ in columns], [high for _, high in columns]
    root = drawn(chart(lower, upper))
    most = max(low + high for low, high in columns) or 1
    for kind, series in (("lower", lower), ("upper", upper)):
        heights = [float(each.get("height") or 0) for each in rects(root, kind)]
        expected = [float(f"{number / most * 220:.1f}") for number in series]
        assert heights == [height for height in expected if height]
    said = [group.findtext(f"{SVG}title") for group in root.iter(f"{SVG}g")]
    assert said == [
        f"{date.fromordinal(date(2027, 1, 1).toordinal() + number)}: {low:,} renewals, {high:,} waiting"
        for number, (low, high) in enumerate(columns)
    ]


def test_the_line_of_the_limit_stands_at_its_number() -> None:
    root = drawn(chart([10, 40], [0, 0], limit=20))
    [line] = [each for each in root.iter(f"{SVG}line") if each.get("class") == "limit" and each.get("x2") == "944"]
    tallest = rects(root, "lower")[1]
    floor = float(tallest.get("y") or 0) + float(tallest.get("height") or 0)
    assert float(line.get("y1") or 0) == pytest.approx(floor - 110)


def test_a_calendar_has_a_cell_for_each_day_that_says_how_many() -> None:
    days = {date(2027, 1, 5): 7, date(2027, 1, 31): 1234}
    heat = calendar_of("due", days, date(2027, 1, 1), date(2027, 1, 31))
    root = fromstring(document("t", [], [], heat))
    cells = [each for each in root.iter(f"{SVG}rect") if each.get("class") == "heat"]
    assert len(cells) == 31
    said = {each.findtext(f"{SVG}title") for each in cells}
    assert {"2027-01-05: 7", "2027-01-31: 1,234", "2027-01-06: 0"} <= said
    assert (
        max(cells, key=lambda each: float(each.get("fill-opacity") or 0)).findtext(f"{SVG}title") == "2027-01-31: 1,234"
    )


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff")))
def test_text_from_elsewhere_is_text(title: str) -> None:
    root = drawn(chart([1], [0], title=f"<b>&{title}"), title=title)
    assert root.findtext(f"{SVG}title") == (title or "")
    assert any(each.text == f"<b>&{title}" for each in root.iter(f"{SVG}text"))

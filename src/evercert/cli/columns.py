"""Rows in columns, as a terminal lays them out: by cells, of which a letter takes one, two, or none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final
from unicodedata import category, east_asian_width

__all__ = ["cells_of", "in_columns"]

# They stand upon the letter before them, or join two (UAX #44 §5.7.1).
_UPON_OTHERS: Final = frozenset({"Mn", "Me", "Cf"})
# UAX #11: wide, or a wide form of what is narrow elsewhere. What is ambiguous is narrow outside of East Asian fonts.
_WIDE: Final = frozenset("WF")


def in_columns(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """A line for each row, each column as wide as its widest text; the rows are equally long."""
    columns = list(zip(*rows, strict=True))
    if all("".join(column).isascii() for column in columns):
        yield from _in_ascii(rows, [max(map(len, column)) for column in columns])
        return
    widths = [max(map(cells_of, column)) for column in columns]
    for row in rows:
        yield "  ".join(_filled(text, width) for text, width in zip(row, widths, strict=True)).rstrip()


def _in_ascii(rows: Sequence[Sequence[str]], widths: Sequence[int]) -> Iterator[str]:
    """The same where each letter takes one cell, in a third of the time."""
    form = "  ".join(f"{{:<{width}}}" for width in widths)
    return (form.format(*row).rstrip() for row in rows)


def cells_of(text: str) -> int:
    """How many cells of a terminal the text takes."""
    return len(text) if text.isascii() else sum(map(_cells, text))


def _filled(text: str, width: int) -> str:
    return text + " " * (width - cells_of(text))


def _cells(letter: str) -> int:
    if category(letter) in _UPON_OTHERS:
        return 0
    return 2 if east_asian_width(letter) in _WIDE else 1

"""Columns stand one below the other in a terminal, whatever letters are in them."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.cells import cell_len

from evercert.cli.columns import cells_of, in_columns
from tests.cli.shell import Shell

NFD = "mu\N{COMBINING DIAERESIS}ller"
FAMILY = "\N{WOMAN}\N{ZERO WIDTH JOINER}\N{GIRL}"


@pytest.mark.parametrize(
    ("text", "cells"),
    [
        ("", 0),
        ("www", 3),
        ("müller", 6),
        (NFD, 6),
        ("日本語", 6),
        ("ﾆﾎﾝ", 3),
        ("\N{FULLWIDTH DIGIT ONE}\N{FULLWIDTH DIGIT TWO}", 4),
        ("\N{LOCK}", 2),
        ("\N{HEAVY BLACK HEART}\N{VARIATION SELECTOR-16}", 1),
        (FAMILY, 4),
        ("\N{REGIONAL INDICATOR SYMBOL LETTER A}\N{REGIONAL INDICATOR SYMBOL LETTER T}", 2),
        ("кириллица", 9),
        ("e\N{COMBINING ACUTE ACCENT}\N{COMBINING ENCLOSING CIRCLE}", 1),
    ],
)
def test_a_text_takes_so_many_cells(text: str, cells: int) -> None:
    assert cells_of(text) == cells


def test_each_column_begins_in_one_cell() -> None:
    names = ("www", "日本語", NFD, "\N{LOCK}\N{LOCK}", "кириллица")
    lines = [*in_columns([("NAME", "OWNER", "STATE"), *((name, name, "served") for name in names)])]
    begins = [cell_len(line[: line.rindex("  ") + 2]) for line in lines]
    assert begins == [22] * 6
    assert lines[1] == "www        www        served"
    assert [*in_columns([("A", "B"), ("1", "")])] == ["A  B", "1"]


def test_names_of_any_script_stand_in_one_list(evercert: Shell, tmp_path: Path) -> None:
    config = tmp_path / "evercert.toml"
    names = ("日本語", "plain", NFD)
    config.write_text("".join(f'[certificates."{name}"]\nnames = ["a{n}.test"]\n' for n, name in enumerate(names)))
    assert evercert("apply", "--no-wait", EVERCERT_CONFIG=str(config)).status == 0
    listed = evercert("list").out.splitlines()
    assert len(listed) == 4
    assert {cell_len(line.partition(word)[0]) for line in listed for word in ("STATE", "wanted") if word in line} == {8}

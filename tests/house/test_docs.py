"""The parts of `docs/` that come from the program's tables are what the tables say now."""

from __future__ import annotations

import pytest

from tools.write_docs import DOCS, PAGES, page


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_what_the_tables_say(name: str) -> None:
    assert (DOCS / name).read_text() == page(name), "run `make docs` and read the diff"

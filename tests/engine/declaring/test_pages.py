"""What the pages about declarations show is right in every word; only somebody's files and secrets are not here."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.engine.declaring.corpus import Case, faults_of
from tests.peers.program import ROOT

_PAGES = ("fleet", "declaration", "limits", "failover", "events")
_BLOCKS = [
    (f"{page}-{number}", block)
    for page in _PAGES
    for number, block in enumerate(re.findall(r"```toml\n(.*?)```", (ROOT / f"docs/{page}.md").read_text(), re.S))
]
_LISTS = {"customers.txt": "a.example.net\nb.example.net www.b.example.net\n"}
_NOT_HERE = re.compile("cannot be read: no such file|is not set$", re.IGNORECASE)


@pytest.mark.parametrize("block", [block for _, block in _BLOCKS], ids=[name for name, _ in _BLOCKS])
def test_a_block_of_a_page_can_be_declared(block: str, tmp_path: Path) -> None:
    faults = faults_of(Case("", block, _LISTS, ""), tmp_path)
    assert [str(fault) for fault in faults if not _NOT_HERE.search(fault.message)] == []

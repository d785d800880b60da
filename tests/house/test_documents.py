"""What the documents promise is there: files, make targets, pins."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from tests.house.sources import ROOT, text_files

DOCUMENTS = [path for path in text_files() if path.suffix == ".md"]
_LINK = re.compile(r"\]\((?!https?://|mailto:|#)([^)#]+)(?:#[^)]*)?\)")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_between_documents_leads_somewhere(document: Path) -> None:
    assert [target for target in _LINK.findall(document.read_text()) if not (document.parent / target).exists()] == []


def test_every_make_target_that_is_named_exists() -> None:
    made = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {target for path in DOCUMENTS for target in re.findall(r"(?:`|    )make ([a-z]+)", path.read_text())}
    assert {"demo", "test"} <= named <= made


def test_everything_that_evercert_needs_is_pinned_with_hashes() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]
    names = {re.split(r"[\[<>=~! ]", line, maxsplit=1)[0].lower() for line in wanted}
    blocks = re.findall(r"^([a-z0-9._-]+)(?:\[[^\]]*\])?==\S+.*\\\n    --hash=sha256:", _lock(), re.MULTILINE)
    assert names - set(blocks) == set()


def test_the_lock_names_no_place_to_load_from() -> None:
    assert re.findall(r"(--(?:extra-)?index-url|--find-links|https?://)", _lock()) == []


def _lock() -> str:
    return (ROOT / "requirements/dev.lock").read_text()

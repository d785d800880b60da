"""What the documents promise is there: files, make targets, pins."""

from __future__ import annotations

import ast
import re
import shlex
import sys
import tomllib
from importlib.metadata import packages_distributions
from itertools import chain
from pathlib import Path

import pytest

from tests.house.sources import ROOT, python_files, text_files

DOCUMENTS = [path for path in text_files() if path.suffix == ".md"]
_LINK = re.compile(r"\]\((?!https?://|mailto:|#)([^)#]+)(?:#[^)]*)?\)")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_between_documents_leads_somewhere(document: Path) -> None:
    assert [target for target in _LINK.findall(document.read_text()) if not (document.parent / target).exists()] == []


def test_the_readme_leads_to_every_document() -> None:
    linked = set(_LINK.findall((ROOT / "README.md").read_text()))
    assert {f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")} <= linked


def test_every_make_target_that_is_named_exists() -> None:
    made = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {target for path in DOCUMENTS for target in re.findall(r"(?:`|    )make ([a-z]+)", path.read_text())}
    assert {"demo", "test"} <= named <= made


def test_what_a_document_exports_is_not_cut_by_the_shell() -> None:
    exports = [line for path in DOCUMENTS for line in re.findall(r"^ {4}export (.+)$", path.read_text(), re.MULTILINE)]
    assert exports
    assert [
        line for line in exports if set(shlex.shlex(line, posix=True, punctuation_chars=True)) & {"&", "|", ";"}
    ] == []


def test_everything_that_evercert_needs_is_pinned_with_hashes() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]
    blocks = re.findall(r"^([a-z0-9._-]+)(?:\[[^\]]*\])?==\S+.*\\\n    --hash=sha256:", _lock(), re.MULTILINE)
    assert _names(wanted) - set(blocks) == set()


def test_every_library_that_is_imported_was_asked_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    ours = [*project["project"]["dependencies"], *chain(*project["project"]["optional-dependencies"].values())]
    assert _imported("src") - _names(ours) == set()
    # Programs of the tests that are run in an environment of their own.
    elsewhere = (ROOT / "requirements/certbot.in").read_text().splitlines()
    assert _imported("tests") - _names([*ours, *project["dependency-groups"]["dev"], *elsewhere]) == set()


def _imported(folder: str) -> set[str]:
    """The distributions from which the files under *folder* import."""
    nodes = (node for path in python_files(folder) for node in ast.walk(ast.parse(path.read_text())))
    named = chain.from_iterable(
        [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
        for node in nodes
        if isinstance(node, ast.Import) or (isinstance(node, ast.ImportFrom) and not node.level)
    )
    distributions = packages_distributions()
    ours = {"evercert", "tests", "tools", "bench", "examples"}
    tops = {name.partition(".")[0] for name in named} - sys.stdlib_module_names - ours
    return _names([distributions.get(top, [top])[0] for top in tops])


def _names(wanted: list[str]) -> set[str]:
    return {re.split(r"[\[<>=~! ]", line, maxsplit=1)[0].lower().replace("_", "-") for line in wanted}


def test_the_lock_names_no_place_to_load_from() -> None:
    assert re.findall(r"(--(?:extra-)?index-url|--find-links|https?://)", _lock()) == []


def _lock() -> str:
    return (ROOT / "requirements/dev.lock").read_text()

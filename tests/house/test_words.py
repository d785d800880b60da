"""Words that do not stand in this project: vague names, mocks, skips, things left for later, one machine's paths."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.house.sources import ROOT, modules, python_files, text_files

# This file and the reader of sources write the words that they look for.
_OURS = {Path(__file__)}

_VAGUE_MODULE = re.compile(r"^(utils?|helpers?|common|misc|managers?|handlers?|impl)$")
_VAGUE_NAME = re.compile(
    r"(^|_)(utils?|helpers?|manager|handler|impl)(_|$)|^(process|do)_|^Abstract|(Manager|Handler|Helper|Impl)$"
)

NOWHERE = {
    "something left for later": r"\b(TODO|FIXME|XXX)\b|NotImplementedError",
    "a path of one machine": r"/work/(?!\*)",
    "a package registry's host": r"pypi\.org|pythonhosted|proxy\.golang|npmjs\.|crates\.io|deb\.debian\.org",
}
NOT_IN_TESTS = {
    "a mock": r"unittest\.mock|MagicMock|\bAsyncMock|monkeypatch\.setattr|mocker\b",
    "a test that may not run": r"pytest\.skip|mark\.skip|mark\.xfail|pytest\.xfail|importorskip|skipif|unittest\.skip",
}


def _lines_with(pattern: str, paths: tuple[Path, ...]) -> list[str]:
    wanted = re.compile(pattern)
    return [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:80]}"
        for path in paths
        if path not in _OURS
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if wanted.search(line)
    ]


@pytest.mark.parametrize("what", NOWHERE)
def test_nowhere(what: str) -> None:
    assert _lines_with(NOWHERE[what], text_files()) == []


@pytest.mark.parametrize("what", NOT_IN_TESTS)
def test_not_in_tests(what: str) -> None:
    assert _lines_with(NOT_IN_TESTS[what], python_files("tests")) == []


def test_no_module_has_a_vague_name() -> None:
    assert [name for name in modules() if any(_VAGUE_MODULE.match(part) for part in name.split("."))] == []


def test_no_function_or_class_has_a_vague_name() -> None:
    defined = (
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
        for path, tree in modules().values()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and _VAGUE_NAME.search(node.name)
    )
    assert list(defined) == []


def test_every_suppression_names_its_code_and_its_reason() -> None:
    bare = r"#\s*noqa(?!: ?[A-Z]+[0-9]+)|#\s*type: ignore(?!\[[a-z-]+(, ?[a-z-]+)*\])"
    assert _lines_with(bare, python_files("src") + python_files("tests")) == []
    unexplained = r"#\s*type: ignore\[[^\]]*\]\s*$|#\s*noqa: ?[A-Z0-9, ]+$"
    assert _lines_with(unexplained, python_files("src")) == []

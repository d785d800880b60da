"""What the checks of the house read: every file that git knows or would take, and the functions of `src`."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

__all__ = ["ROOT", "SRC", "Function", "functions", "modules", "python_files", "text_files"]

ROOT = Path(__file__).parents[2]
SRC = ROOT / "src" / "evercert"

# What people write; locks are written by a program, vectors and licences by somebody else.
_WRITTEN = {".py", ".md", ".sql", ".toml", ".sh", ".yml", ".yaml", ".cfg", ".service", ".timer", ".in", ""}


class Function(NamedTuple):
    """`lines` counts the body from its first statement after the docstring."""

    where: str
    lines: int


@cache
def text_files() -> tuple[Path, ...]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True
    )
    assert listed.returncode == 0, "the checks of the house read a git checkout"
    paths = (ROOT / name for name in listed.stdout.splitlines())
    written = [path for path in paths if path.is_file() and path.suffix in _WRITTEN and path.name != "LICENSE"]
    return tuple(path for path in written if "vectors" not in path.parts)


@cache
def python_files(folder: str) -> tuple[Path, ...]:
    return tuple(path for path in text_files() if path.suffix == ".py" and path.is_relative_to(ROOT / folder))


@cache
def modules() -> dict[str, tuple[Path, ast.Module]]:
    """Every module of `src`: dotted name to file and syntax tree."""
    found = {}
    for path in python_files("src"):
        parts = path.relative_to(ROOT / "src").with_suffix("").parts
        name = ".".join(part for part in parts if part != "__init__")
        found[name] = (path, ast.parse(path.read_text()))
    return found


def functions() -> Iterator[Function]:
    for path, tree in modules().values():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield Function(f"{path.relative_to(ROOT)}:{node.lineno} {node.name}", _body_lines(node))


def _body_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    has_docstring = ast.get_docstring(node, clean=False) is not None
    if has_docstring and len(node.body) == 1:
        return 0
    # Lines between the docstring and the first statement are comments on it, and count.
    start = (node.body[0].end_lineno or 0) + 1 if has_docstring else node.body[0].lineno
    return (node.end_lineno or start) - start + 1

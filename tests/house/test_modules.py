"""Each module says what it is and what it offers, can be imported alone, and no two import each other."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterable, Mapping

import grimp

from tests.house.sources import modules

# The face of the package names everything lazily (PEP 562), for type checkers; it is above every room.
_FACE = "evercert"


def _is_public(name: str) -> bool:
    return not any(part.startswith("_") for part in name.split("."))


def _exports(tree: ast.Module) -> list[str] | None:
    for node in tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(isinstance(target, ast.Name) and target.id == "__all__" for target in targets):
                return None if node.value is None else list(ast.literal_eval(node.value))
    return None


def test_every_module_begins_by_saying_what_it_is() -> None:
    silent = [name for name, (_, tree) in modules().items() if not (ast.get_docstring(tree) or "").strip()]
    assert silent == []


def test_every_public_module_that_offers_something_says_what() -> None:
    offering = {
        name: tree
        for name, (_, tree) in modules().items()
        if _is_public(name)
        and any(isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) for node in tree.body)
    }
    assert [name for name, tree in offering.items() if _exports(tree) is None] == []


def test_every_module_is_imported_alone_and_has_what_it_promises() -> None:
    promises = {name: importlib.import_module(name) for name in modules() if not name.endswith("__main__")}
    missing = [
        f"{name}.{export}"
        for name, module in promises.items()
        for export in getattr(module, "__all__", ())
        if not hasattr(module, export)
    ]
    assert missing == []


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = grimp.build_graph("evercert", cache_dir=None)
    imports = {name: graph.find_modules_directly_imported_by(name) - {_FACE} for name in graph.modules if name != _FACE}
    assert [circle for circle in _circles(imports) if len(circle) > 1] == []


def _circles(imports: Mapping[str, Iterable[str]]) -> list[list[str]]:
    """The strongly connected components (Tarjan 1972), without recursion."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    on_stack: set[str] = set()
    found: list[list[str]] = []
    for root in imports:
        work = [(root, iter(sorted(imports[root])))] if root not in index else []
        while work:
            node, targets = work[-1]
            if node not in index:
                index[node] = low[node] = len(index)
                stack.append(node)
                on_stack.add(node)
            for target in targets:
                if target not in index and target in imports:
                    work.append((target, iter(sorted(imports[target]))))
                    break
                if target in on_stack:
                    low[node] = min(low[node], index[target])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == index[node]:
                    cut = stack.index(node)
                    found.append(stack[cut:])
                    on_stack -= set(stack[cut:])
                    del stack[cut:]
    return found


def test_the_search_for_circles_finds_one() -> None:
    circles = _circles({"a": ["b"], "b": ["c"], "c": ["a", "d"], "d": []})
    assert sorted(map(sorted, circles)) == [["a", "b", "c"], ["d"]]

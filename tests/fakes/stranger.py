"""A package of somebody else's, installed as pip would leave it: modules, and entry points that name them."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from evercert.plugins import registry

__all__ = ["installed_package"]


@contextmanager
def installed_package(folder: Path, modules: Mapping[str, str], entry_points: str) -> Iterator[None]:
    """Inside, the *modules* (name to text) can be imported, and the registry sees the *entry_points*."""
    metadata = folder / "stranger-1.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: stranger\nVersion: 1\n")
    (metadata / "entry_points.txt").write_text(entry_points)
    for name, text in modules.items():
        (folder / f"{name}.py").write_text(text)
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    registry._strangers.cache_clear()
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        for name in modules:
            sys.modules.pop(name, None)
        registry._strangers.cache_clear()

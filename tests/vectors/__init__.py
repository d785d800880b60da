"""Examples from RFCs and drafts, as data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

__all__ = ["vector"]


def vector(name: str) -> dict[str, Any]:
    """The vector of that name (the file's, without its ending)."""
    document: dict[str, Any] = json.loads(Path(__file__).with_name(f"{name}.json").read_text())
    return document

"""URLs that stand in another client's files, and may be anything."""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit

__all__ = ["parts_of"]


def parts_of(url: str) -> SplitResult:
    """The URL's parts; all empty where it is none."""
    try:
        return urlsplit(url)
    except ValueError:
        return urlsplit("")

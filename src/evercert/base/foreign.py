"""Text of somebody else's, made fit to be shown: a peer's words may hold anything."""

from __future__ import annotations

__all__ = ["one_line"]

_SHOWN = 200


def one_line(text: str, limit: int = _SHOWN) -> str:
    """*text* on one line, without control characters (a terminal obeys those), cut at *limit*."""
    if len(text) <= limit and text.isprintable():
        return " ".join(text.split())
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in text[: limit * 4]).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"

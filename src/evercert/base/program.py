"""How a program ended, as a value.

It stands in this room because plugins judge it without knowing how programs are run, and the
host runs programs without knowing what plugins are.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Completed"]


@dataclass(frozen=True, slots=True)
class Completed:
    """A program that ended. Output is bounded, decoded, and still foreign text: never run it."""

    status: int
    output: str

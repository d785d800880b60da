"""How values stand in columns: moments as whole microseconds, everything with parts as JSON text."""

from __future__ import annotations

from datetime import datetime
from typing import TypeVar

import msgspec

from evercert.base.clock import from_epoch, to_epoch

__all__ = ["from_text", "moment", "moment_or_none", "number_or_none", "to_text"]

T = TypeVar("T")

# Text that opened once opens again: the same intents and contacts are read over and over.
_encode = msgspec.json.Encoder(order="deterministic").encode


def to_text(value: object) -> str:
    """Equal values become equal text."""
    return _encode(value).decode()


def from_text(text: str | None, kind: type[T]) -> T | None:
    """What `to_text` was given; None where there is none."""
    return None if text is None else msgspec.json.decode(text, type=kind)


moment = from_epoch


def moment_or_none(microseconds: int | None) -> datetime | None:
    return None if microseconds is None else from_epoch(microseconds)


def number_or_none(when: datetime | None) -> int | None:
    return None if when is None else to_epoch(when)

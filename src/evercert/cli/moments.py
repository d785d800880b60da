"""Moments as people type them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from evercert.base.errors import EvercertError
from evercert.config.toml import span_from

__all__ = ["moment_from"]


def moment_from(written: str, now: datetime, *, ahead: bool = False) -> datetime:
    """A date or moment as ISO 8601 has it, in UTC where it names no zone, or a length of time from now (*ahead*) or
    ago. Raises `bad-input`."""
    try:
        moment = datetime.fromisoformat(written)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):  # OverflowError: the first or last hours that there are, from another zone
        span = _span(written)
    return now + span if ahead else now - span


def _span(written: str) -> timedelta:
    try:
        return span_from(written)
    except EvercertError as error:
        hint = "such as 2026-11-27, 2026-11-27T18:00Z, 12h or 3d"
        raise EvercertError("bad-input", f"{written[:40]!r} is no moment", hint=hint) from error

"""Signed things over plain http: who serves them need not be trusted, so any cache may (RFC 9111, RFC 5019 §6)."""

from __future__ import annotations

from datetime import datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from typing import Final

from evercert.base.serving import Answer, Asked

__all__ = ["TEXT", "cached", "uncached"]

TEXT: Final = "text/plain; charset=utf-8"
_MAX_FIELD: Final = 1000
# A moment of HTTP's has whole seconds.
_SECOND: Final = timedelta(seconds=1)


def cached(
    asked: Asked, body: bytes, content_type: str, *, digest: str, modified: datetime, now: datetime, until: datetime
) -> Answer:
    """The answer, good until then; or that what the client has is good still (RFC 9110 §13.2.2)."""
    tag = f'"{digest}"'
    seconds = max(0, int((until - now).total_seconds()))
    fields = (
        ("etag", tag),
        ("last-modified", _written(modified)),
        ("expires", _written(until)),
        ("cache-control", f"max-age={seconds}, public, no-transform, must-revalidate"),
    )
    if asked.method in {"GET", "HEAD"} and _has_it(asked, tag, modified):
        return Answer(304, b"", fields)
    return Answer(200, body, (("content-type", content_type), *fields))


def uncached(status: int, body: bytes, content_type: str = TEXT, *more: tuple[str, str]) -> Answer:
    return Answer(status, body, (("content-type", content_type), ("cache-control", "no-store"), *more))


def _has_it(asked: Asked, tag: str, modified: datetime) -> bool:
    if tags := asked.header("if-none-match")[:_MAX_FIELD]:
        return tags.strip() == "*" or tag in {each.strip().removeprefix("W/") for each in tags.split(",")}
    since = _read(asked.header("if-modified-since"))
    return since is not None and modified < since + _SECOND


def _written(moment: datetime) -> str:
    return format_datetime(moment, usegmt=True)


def _read(written: str) -> datetime | None:
    """None for what is no moment, which is passed over (RFC 9110 §13.1.3)."""
    try:
        found = parsedate_to_datetime(written[:_MAX_FIELD])
    except (ValueError, OverflowError):
        return None
    return found if found.tzinfo else None

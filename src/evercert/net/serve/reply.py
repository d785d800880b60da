"""An answer as the octets that precede its body."""

from __future__ import annotations

from datetime import datetime
from email.utils import format_datetime
from http import HTTPStatus
from typing import Final

from evercert.base.serving import Answer

__all__ = ["CONTINUE", "date_field", "head_of"]

CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
_LINES: Final = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n" for status in HTTPStatus}
# RFC 9110 §8.6: nor is there a length.
_BODILESS: Final = frozenset({204, 304})


def date_field(now: datetime) -> str:
    """RFC 9110 §6.6.1."""
    return f"Date: {format_datetime(now, usegmt=True)}\r\n"


def head_of(answer: Answer, date: str, *, goes_on: bool) -> bytes:
    """Status line and fields. Raises `ValueError` for what would be more or other lines than were meant."""
    fields = [f"{name}: {value}\r\n" for name, value in answer.headers]
    length = "" if answer.status in _BODILESS else f"Content-Length: {len(answer.body)}\r\n"
    connection = "Connection: keep-alive\r\n" if goes_on else "Connection: close\r\n"
    line = _LINES.get(answer.status) or f"HTTP/1.1 {answer.status} \r\n"
    head = "".join((line, date, *fields, length, connection, "\r\n"))
    if head.count("\n") != len(fields) + 4 + bool(length) or head.count("\r") != head.count("\n"):
        raise ValueError("a header field has a line break in it")
    return head.encode("latin-1")

"""What happened in a history, line by line: the last of it to be read, and a digest of all of it to compare by."""

from __future__ import annotations

from collections import deque
from hashlib import sha256

__all__ = ["Trace", "span_words"]

# So many lines are told of where a law was broken.
_LAST = 60


class Trace:
    """Two histories with equal digests went the same way, step by step."""

    def __init__(self, keeps: int = _LAST) -> None:
        self.lines: deque[str] = deque(maxlen=keeps)
        self._digest = sha256()

    def note(self, now: float, who: str, what: str) -> None:
        line = f"{span_words(now)} {who}: {what}"
        self.lines.append(line)
        self._digest.update(line.encode())

    @property
    def digest(self) -> str:
        return self._digest.hexdigest()


def span_words(seconds: float) -> str:
    """Such as `3 d 04:05:06.789`."""
    days, rest = divmod(seconds, 86_400)
    hours, rest = divmod(rest, 3_600)
    minutes, rest = divmod(rest, 60)
    return f"{int(days)} d {int(hours):02}:{int(minutes):02}:{rest:06.3f}"

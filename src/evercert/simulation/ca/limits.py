"""A limit as CAs have them: a token bucket that is refilled evenly (Boulder's generic cell rate algorithm)."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Bucket"]


@dataclass
class Bucket:
    """So many in each period (seconds); `full_at` is when nothing will be missing any more."""

    burst: int
    period: float
    full_at: float = 0.0

    def take(self, now: float) -> float:
        """Take one. Zero, or after how many seconds one is there to be taken."""
        each = self.period / self.burst
        full_at = max(self.full_at, now) + each
        if full_at - now > self.period:
            return full_at - now - self.period
        self.full_at = full_at
        return 0.0

"""What one server of ours gives to whoever connects, and no more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Limits"]


@dataclass(frozen=True, slots=True)
class Limits:
    """Octets of a head (the request line and all fields) and of a body; *body_at* says how many a path takes instead.

    Seconds: for a head, from its first octet (or from the connection's beginning, handshake included); for a
    body; for what a peer takes of an answer before the next piece; of silence between two requests; for a goodbye.
    """

    head: int = 16 * 1024
    fields: int = 100
    body: int = 256 * 1024
    body_at: Callable[[str], int] | None = None
    connections: int = 1024
    head_seconds: float = 10.0
    body_seconds: float = 30.0
    send_seconds: float = 30.0
    idle_seconds: float = 75.0
    goodbye_seconds: float = 2.0

    def body_of(self, path: str) -> int:
        """How many octets a body at that path may have."""
        return self.body if self.body_at is None else self.body_at(path)

    def shortest(self) -> float:
        return min(self.head_seconds, self.body_seconds, self.send_seconds, self.idle_seconds, self.goodbye_seconds)

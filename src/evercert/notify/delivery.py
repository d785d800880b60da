"""What is handed over: one event for one hook, the n-th time."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Delivery"]


@dataclass(frozen=True, slots=True)
class Delivery:
    """`id` is the same however often it is handed over, and in no other store another event's; `body` is JSON."""

    id: str
    number: int
    kind: str
    certificate: str
    body: bytes
    attempt: int = 1

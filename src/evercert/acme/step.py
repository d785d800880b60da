"""What a flow asks of whoever drives it."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from evercert.base.message import Request, Response

__all__ = ["Flow", "SideBySide", "Sleep", "Step"]

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Sleep:
    """Go on after so many seconds. `reason` is a clause for the user."""

    seconds: float
    reason: str


@dataclass(frozen=True, slots=True)
class SideBySide(Generic[_T]):
    """Drive these flows, at the same time if you can. Afterwards `results` has theirs, in order.

    If one of them fails, its error is thrown into the flow that asked.
    """

    flows: Sequence[Flow[_T]]
    results: list[_T] = field(default_factory=list)


Step = Request | Sleep | SideBySide[Any]

# A driver answers a Request with `send(response)` or `throw(NetworkFailure)`, all else with `next`.
Flow = Generator[Step, Response, _T]

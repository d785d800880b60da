"""What a flow asks of whoever drives it."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Generic, TypeVar

from evercert.base.message import Request, Response

__all__ = ["TURN", "Flow", "SideBySide", "Sleep", "Step", "Turn"]

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Sleep:
    """Go on after so many seconds. `reason` is a clause for the user."""

    seconds: float
    reason: str


class Turn(Enum):
    """Go on when there is room for another request; it is kept until a sleep or the flow's end.

    Asked for before a nonce is taken: of a thousand flows that begin at once, only as many need a
    fresh nonce as may send at once; the others get those that come back.
    """

    TURN = "turn"


TURN = Turn.TURN


@dataclass(frozen=True, slots=True)
class SideBySide(Generic[_T]):
    """Drive these flows, at the same time if you can. Afterwards `results` has theirs, in order.

    If one of them fails, so does the flow that asked, when none is left running.
    """

    flows: Sequence[Flow[_T]]
    results: list[_T] = field(default_factory=list)


Step = Request | Sleep | Turn | SideBySide[Any]

# A driver answers a Request with `send(response)` or `throw(NetworkFailure)`, all else with `next`.
Flow = Generator[Step, Response, _T]

"""Where a node tells what happens, for whoever counts it. A call is cheap, happens in the loop, and never raises."""

from __future__ import annotations

from datetime import datetime
from typing import Final, Protocol

from evercert.acme.problem import Problem
from evercert.base.serving import Asked

__all__ = ["NO_METERS", "Meters"]


class Meters(Protocol):
    """`answered` keeps the contract of `net.serve`'s observers, `refused` of `AcmeApplication`'s."""

    def answered(self, asked: Asked, status: int, seconds: float, octets: int) -> None: ...

    def refused(self, asked: Asked, problem: Problem) -> None: ...

    def ordered(self, profile: str, outcome: str) -> None:
        """*outcome* is `new`, `valid` or `invalid`."""
        ...

    def validated(self, challenge: str, profile: str, outcome: str, seconds: float) -> None:
        """*outcome* is `valid`, `invalid`, or `unknown` where a fault of ours kept it from being known."""
        ...

    def signed(self, issuer: str, profile: str, seconds: float) -> None: ...

    def certified_itself(self, until: datetime) -> None:
        """The server's own certificate is another one, which ends then."""
        ...


class _NoMeters:
    """Nobody counts."""

    def answered(self, asked: Asked, status: int, seconds: float, octets: int) -> None: ...

    def refused(self, asked: Asked, problem: Problem) -> None: ...

    def ordered(self, profile: str, outcome: str) -> None: ...

    def validated(self, challenge: str, profile: str, outcome: str, seconds: float) -> None: ...

    def signed(self, issuer: str, profile: str, seconds: float) -> None: ...

    def certified_itself(self, until: datetime) -> None: ...


NO_METERS: Final[Meters] = _NoMeters()

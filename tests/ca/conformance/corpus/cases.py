"""What a case is: it is given a ground, and returns the answer that counts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from evercert.base.message import Response
from tests.ca.conformance.ground import Ground

__all__ = ["Case", "Cases"]

Case = Callable[[Ground], Awaitable[Response]]


@dataclass
class Cases:
    """The cases of one kind, by name: `KIND: NAME`."""

    kind: str
    named: dict[str, Case] = field(default_factory=dict)

    def __call__(self, name: str) -> Callable[[Case], Case]:
        def take(case: Case) -> Case:
            full = f"{self.kind}: {name}"
            assert full not in self.named, full
            self.named[full] = case
            return case

        return take

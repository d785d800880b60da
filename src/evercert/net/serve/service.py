"""What every connection of one server shares."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from evercert.base.clock import Clock
from evercert.base.serving import Application, Asked
from evercert.net.serve.crowd import Crowd
from evercert.net.serve.limits import Limits

__all__ = ["Observer", "Service", "nobody"]

# Told of every answer: what was asked (of what was refused half-read, as much as was understood), the status,
# seconds from the request's last octet to the answer's first, octets of the answer's body. Never raises.
Observer = Callable[[Asked, int, float, int], None]


def nobody(asked: Asked, status: int, seconds: float, octets: int) -> None:
    """An observer that looks away."""


@dataclass(slots=True)
class Service:
    """`date` is the field that every answer has, renewed by the server."""

    application: Application
    limits: Limits
    clock: Clock
    observer: Observer
    crowd: Crowd
    date: str = ""

"""Polling a resource until it is settled, as patiently as its server asks (RFC 8555 §7.5.1)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

from evercert.acme.exchange import fetch
from evercert.acme.session import Session
from evercert.acme.step import Flow, Sleep
from evercert.acme.wire import Resource
from evercert.base.backoff import poll_delay
from evercert.base.errors import EvercertError

__all__ = ["settled"]

_T = TypeVar("_T", bound=Resource)


def settled(
    session: Session, resource: _T, is_settled: Callable[[_T], bool], timeout: float, reason: Callable[[_T], str]
) -> Flow[_T]:
    """*resource* as it is when *is_settled*; raises `wait-exceeded` after *timeout* seconds of waiting,
    or at once where the server's Retry-After goes beyond them."""
    waited, asked = 0.0, 0
    while not is_settled(resource):
        pause = _pause(resource.retry_after, asked)
        if waited + pause > timeout:
            raise EvercertError(
                "wait-exceeded",
                f"still {reason(resource)} after {waited:.0f} s",
                after=timedelta(seconds=pause),
            )
        yield Sleep(pause, reason(resource))
        waited, asked = waited + pause, asked + 1
        resource = yield from fetch(session, type(resource), resource.url)
    return resource


def _pause(retry_after: timedelta | None, asked: int) -> float:
    # "Retry-After: 0" is no leave to ask without end.
    return max(retry_after.total_seconds() if retry_after else 0.0, poll_delay(0)) if retry_after else poll_delay(asked)

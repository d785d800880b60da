"""What a process that answers for months does otherwise than one that ends soon: its event loop."""

from __future__ import annotations

from asyncio import AbstractEventLoop
from collections.abc import Callable

__all__ = ["new_loop"]


def new_loop() -> Callable[[], AbstractEventLoop] | None:
    """What makes libuv's event loop where it is installed (the extra `ca` brings it), which takes about a twentieth
    from the instructions that a certificate costs a CA; None for the standard library's."""
    try:
        from uvloop import new_event_loop
    except ImportError:
        return None
    return new_event_loop

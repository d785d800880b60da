"""What a process that answers for months does otherwise than one that ends soon: its event loop, its memory."""

from __future__ import annotations

import gc
from asyncio import AbstractEventLoop
from collections.abc import Callable
from typing import Final

__all__ = ["new_loop", "settle_memory"]

# Objects that come and are not freed by themselves until the youngest are looked through for cycles; 700 at first.
# A CA makes some thousand for each certificate, hardly any of them in cycles: looking took a twelfth of its time.
_YOUNG: Final = 20_000


def new_loop() -> Callable[[], AbstractEventLoop] | None:
    """What makes libuv's event loop where it is installed (the extra `ca` brings it), which takes an eighth from what a
    certificate costs a CA; None for the standard library's."""
    try:
        from uvloop import new_event_loop
    except ImportError:
        return None
    return new_event_loop


def settle_memory() -> None:
    """Afterwards what is there now, which is there to stay, is not looked through for cycles any more, and what comes
    is so less often. For once everything is loaded."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG)

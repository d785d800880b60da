"""Who reads what we print: once he has gone, what would be printed for ever ends."""

from __future__ import annotations

import asyncio
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["ending_with_its_reader"]


@contextmanager
def ending_with_its_reader() -> Iterator[None]:
    """Inside, the task is cancelled when standard output is a pipe whose other end is closed: otherwise that is found
    out by the next write alone, and none may come for days."""
    task, loop = asyncio.current_task(), asyncio.get_running_loop()
    output = sys.stdout.fileno()
    if task is None or not stat.S_ISFIFO(os.fstat(output).st_mode):
        yield
        return
    # Nothing is ever to be read at the writing end of a pipe: that it is "readable" is how its end is told.
    loop.add_reader(output, task.cancel)
    try:
        yield
    finally:
        loop.remove_reader(output)

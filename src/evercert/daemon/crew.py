"""Several worker processes on one machine, kept alive by one that does nothing else."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

from evercert.base.clock import Clock

__all__ = ["FIRST", "keep_crew", "kept"]

# Set for all but the first: who stands before live servers and follows the declaration is one process of a machine.
FIRST = "EVERCERT_FIRST"

# One that ends at once, whatever the reason, is not started without end.
_PAUSES = (0.5, 1, 2, 4, 8, 16, 30, 60)
# After so many seconds of life its earlier ends are forgotten.
_LIVED = 60.0
# A worker that was told to end is given somewhat longer than it takes to drain.
_PATIENCE = 40.0


async def keep_crew(
    count: int,
    arguments: Sequence[str],
    environ: Mapping[str, str],
    ending: asyncio.Event,
    clock: Clock,
    tell: Callable[[str], object],
) -> None:
    """Run *count* of `evercert` with those arguments, and another for each that ends, until *ending* is set;
    afterwards none of them runs."""
    async with asyncio.TaskGroup() as crew:
        members = [crew.create_task(_keep(number, arguments, environ, clock, tell)) for number in range(count)]
        await ending.wait()
        for member in members:
            member.cancel()


@contextmanager
def kept(environ: Mapping[str, str], ending: asyncio.Event) -> Iterator[None]:
    """Inside, in a worker's loop, *ending* is set once whoever keeps the crew is gone, however he ended: nobody would
    follow the worker, or tell it to end. Nothing where the process is not one of a crew."""
    if FIRST not in environ:
        yield
        return
    loop, stdin = asyncio.get_running_loop(), sys.stdin.fileno()

    def look() -> None:  # nothing is ever written there, so that this is the end of it
        loop.remove_reader(stdin)
        ending.set()

    loop.add_reader(stdin, look)
    try:
        yield
    finally:
        loop.remove_reader(stdin)


async def _keep(
    number: int, arguments: Sequence[str], environ: Mapping[str, str], clock: Clock, tell: Callable[[str], object]
) -> None:
    ends = 0
    while True:
        begun = clock.monotonic()
        try:
            end = _words(await _run(arguments, {**environ, FIRST: "1" if number == 0 else "0"}))
        except OSError as error:  # no memory, too many processes: the others work on
            end = f"it could not be started: {error.strerror}"
        ends = ends + 1 if clock.monotonic() - begun < _LIVED else 1
        pause = _PAUSES[min(ends, len(_PAUSES)) - 1]
        tell(f"worker {number + 1} ended ({end}); another starts in {pause:g} s")
        await clock.sleep(pause)


async def _run(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Its exit status; cancelled, it is told to end, and waited for."""
    argv = [sys.executable, "-m", "evercert", *arguments]
    # In a group of its own, so that Ctrl-C at a terminal is told to it by us, once.
    # The other end of its standard input is closed with us, whatever ends us (`kept`).
    process = await asyncio.create_subprocess_exec(*argv, env=environ, process_group=0, stdin=asyncio.subprocess.PIPE)
    try:
        return await process.wait()
    except asyncio.CancelledError:
        await _end(process)
        raise


async def _end(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(_PATIENCE):
            await process.wait()
    except TimeoutError:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


def _words(status: int) -> str:
    return f"status {status}" if status >= 0 else signal.Signals(-status).name

"""Programs beside the demonstration: started from an argument list, listened to, ended by their process ids."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

__all__ = ["end", "first_line", "start"]

_PATIENCE = 30.0


async def start(
    ending: AsyncExitStack,
    argv: Sequence[str],
    env: Mapping[str, str] | None = None,
    *,
    log: Path | None = None,
    user: int | None = None,
    ends_by: signal.Signals = signal.SIGTERM,
) -> asyncio.subprocess.Process:
    """A program that is ended when *ending* is. What it says on standard error goes to the end of *log*; root may start
    it as another *user*."""
    with (log or Path(os.devnull)).open("ab") as errors:
        process = await asyncio.create_subprocess_exec(
            *argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
            env=env,
            user=user,
            cwd="/" if user is not None else None,
        )
    ending.push_async_callback(end, process, ends_by)
    return process


async def end(process: asyncio.subprocess.Process, asked: signal.Signals = signal.SIGTERM) -> None:
    """Afterwards it has ended: asked first, killed when it does not go. Idempotent."""
    if process.returncode is None:
        process.send_signal(asked)
    try:
        await asyncio.wait_for(process.communicate(), _PATIENCE)
    except TimeoutError:
        process.kill()
        await process.communicate()


async def first_line(process: asyncio.subprocess.Process) -> str:
    """The first line that it prints; empty where it ends before."""
    assert process.stdout is not None  # noqa: S101  # it was started with a pipe
    return (await asyncio.wait_for(process.stdout.readline(), _PATIENCE)).decode()

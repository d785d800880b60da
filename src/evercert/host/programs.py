"""Programs of this machine: an argument list, a bounded time, a bounded output, no shell."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from evercert.base.errors import EvercertError
from evercert.base.program import Completed

__all__ = ["SystemPrograms", "is_runnable"]

# All that a program gets of an environment: no proxy, preload or credential of ours goes along.
_ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LC_ALL": "C.UTF-8",
    "HOME": "/",
}
# Apache tells of ten thousand virtual hosts in about a megabyte.
_MAX_OUTPUT = 1 << 22
# Between asking a program to end and ending it.
_GRACE = 1.0
# A program may leave a child behind that keeps its output open (`apachectl` starts a daemon):
# what it had written itself is there at once.
_DRAIN = 0.2


def is_runnable(program: str) -> bool:
    """Whether `SystemPrograms` would find a program of that path or name, and may execute it. Starts nothing."""
    path = str(Path("/", program)) if "/" in program else program
    return shutil.which(path, path=_ENVIRONMENT["PATH"]) is not None


class SystemPrograms:
    """Keeps the contract of `plugins.contracts.Programs` on this machine.

    A program runs in `/`, in a session of its own, so that it ends together with its children
    when its time is over or the caller is cancelled.
    """

    async def run(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        stdin: bytes = b"",
        timeout: float = 60.0,
    ) -> Completed:
        """The program's exit status (128 + n where signal n ended it) and its output, both streams
        together. Raises `program` if it cannot start or takes longer than *timeout* seconds."""
        async with _output_pipe() as (reader, writer):
            try:
                process = await _start(argv, {**_ENVIRONMENT, **(env or {})}, writer, feeds=bool(stdin))
            finally:
                os.close(writer)
            try:
                return await _ended(process, reader, stdin, timeout)
            except TimeoutError:
                raise EvercertError(
                    "program",
                    f"{argv[0]} did not end within {timeout:g} seconds",
                    hint="run it by hand to see what it waits for",
                ) from None
            finally:
                await _end(process)


@asynccontextmanager
async def _output_pipe() -> AsyncIterator[tuple[asyncio.StreamReader, int]]:
    """A pipe of our own: asyncio's would make `wait` wait for grandchildren that keep it open."""
    read_end, write_end = os.pipe()
    stream = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(stream), os.fdopen(read_end, "rb", 0)
    )
    try:
        yield stream, write_end
    finally:
        transport.close()


async def _start(argv: Sequence[str], env: Mapping[str, str], output: int, *, feeds: bool) -> Process:
    try:
        return await asyncio.create_subprocess_exec(
            *argv,
            stdin=PIPE if feeds else DEVNULL,
            stdout=output,
            stderr=output,
            env=env,
            cwd="/",
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "its arguments hold a NUL character"
        raise EvercertError(
            "program", f"{argv[0]} cannot be started: {reason}", hint="check that it is installed and executable"
        ) from error


async def _ended(process: Process, reader: asyncio.StreamReader, stdin: bytes, timeout: float) -> Completed:
    output = bytearray()
    reading = asyncio.create_task(_collect(reader, output))
    try:
        async with asyncio.timeout(timeout):
            await _feed(process, stdin)
            status = await process.wait()
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(reading), _DRAIN)
    finally:
        reading.cancel()
    return Completed(status if status >= 0 else 128 - status, output.decode("utf-8", "replace"))


async def _feed(process: Process, stdin: bytes) -> None:
    if process.stdin is None:
        return
    # A program that does not read its input is no error of ours.
    with suppress(BrokenPipeError, ConnectionResetError):
        process.stdin.write(stdin)
        await process.stdin.drain()
    process.stdin.close()


async def _collect(reader: asyncio.StreamReader, output: bytearray) -> None:
    """Keep the first `_MAX_OUTPUT` bytes and read the rest away, so that the program never blocks."""
    while chunk := await reader.read(1 << 16):
        output += chunk[: _MAX_OUTPUT - len(output)]


async def _end(process: Process) -> None:
    if process.returncode is not None:
        return
    _signal_group(process, signal.SIGTERM)
    with suppress(TimeoutError):
        await asyncio.wait_for(asyncio.shield(process.wait()), _GRACE)
    # Also where the program itself has ended by now: a child of it may not have.
    _signal_group(process, signal.SIGKILL)
    await process.wait()


def _signal_group(process: Process, deadly: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, deadly)

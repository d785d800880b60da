"""What a program says: a secret, mostly. An argument list, no shell, and bounds on time and output."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress

from evercert.base.clock import Clock, SystemClock
from evercert.base.errors import EvercertError

__all__ = ["told_by"]


def told_by(
    argv: Sequence[str], env: Mapping[str, str], *, timeout: float, limit: int, clock: Clock | None = None
) -> bytes:
    """What the program writes to its standard output until it ends, which it does with status 0.

    It runs in `/` and in a session of its own, and ends together with its children. Blocks. Raises `program`
    where it cannot start, fails, takes longer than *timeout* seconds or says more than *limit* bytes; what it
    said is in no message.
    """
    clock = clock or SystemClock()
    try:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=dict(env),
            cwd="/",
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "its arguments hold a NUL character"
        hint = "check that it is installed and executable"
        raise EvercertError("program", f"{argv[0]} cannot be started: {reason}", hint=hint) from error
    try:
        return _heard(process, argv[0], timeout, limit, clock)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def _heard(process: subprocess.Popen[bytes], program: str, timeout: float, limit: int, clock: Clock) -> bytes:
    said, until = bytearray(), clock.monotonic() + timeout
    with selectors.DefaultSelector() as waiting:
        assert process.stdout is not None  # noqa: S101 - it was asked for
        waiting.register(process.stdout, selectors.EVENT_READ)
        while waiting.select(max(until - clock.monotonic(), 0)):
            piece = os.read(process.stdout.fileno(), limit + 1)
            said += piece
            if len(said) > limit:
                raise EvercertError("program", f"{program} says more than {limit} bytes")
            if not piece:
                return _unless_failed(process, program, bytes(said), until - clock.monotonic())
    raise _too_slow(program)


def _unless_failed(process: subprocess.Popen[bytes], program: str, said: bytes, left: float) -> bytes:
    try:
        status = process.wait(max(left, 0.1))
    except subprocess.TimeoutExpired:
        raise _too_slow(program) from None
    if status != 0:
        hint = "run it by hand to see what it says of that"
        raise EvercertError("program", f"{program} ended with status {status}", hint=hint)
    return said


def _too_slow(program: str) -> EvercertError:
    hint = "run it by hand to see what it waits for"
    return EvercertError("program", f"{program} did not end in time", hint=hint)

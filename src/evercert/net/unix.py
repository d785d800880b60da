"""Unix sockets of servers on this machine: one question, all of the answer."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path

from evercert.base.errors import NetworkFailure

__all__ = ["UnixSockets"]


class UnixSockets:
    """Keeps the contract of `plugins.contracts.LocalSockets`."""

    async def ask(self, path: Path, question: bytes, *, limit: int = 1 << 20, timeout: float = 10.0) -> bytes:
        """All that is answered until the server closes; a connection of its own for each question."""
        try:
            async with asyncio.timeout(timeout):
                return await _asked(path, question, limit)
        except TimeoutError:
            raise NetworkFailure("timeout", f"{path} did not answer within {timeout:g} seconds") from None
        except OSError as error:
            raise NetworkFailure("unreachable", f"{path}: {error.strerror or type(error).__name__}") from error


async def _asked(path: Path, question: bytes, limit: int) -> bytes:
    reader, writer = await asyncio.open_unix_connection(path)
    try:
        writer.write(question)
        await writer.drain()
        answer = bytearray()
        while chunk := await reader.read(1 << 16):
            answer += chunk
            if len(answer) > limit:
                raise NetworkFailure("too-large", f"{path} answered with more than {limit} bytes")
        return bytes(answer)
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()

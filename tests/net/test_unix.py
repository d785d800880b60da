from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from evercert.base.errors import NetworkFailure
from evercert.net.unix import UnixSockets


@asynccontextmanager
async def server(answer: bytes, *, then_waits: bool = False) -> AsyncIterator[Path]:
    """Answers each line with *answer* and closes, or keeps the connection open for ever."""

    served = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(answer)
        if then_waits:
            await reader.read()
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
        served.set()

    # A short path: a Unix socket's has at most 107 octets (unix(7)).
    with TemporaryDirectory() as folder:
        path = Path(folder, "s")
        async with await asyncio.start_unix_server(serve, path):
            yield path
            await asyncio.wait_for(served.wait(), 10)


async def test_all_of_an_answer_comes_back() -> None:
    async with server(b"x" * 200_000) as path:
        assert await UnixSockets().ask(path, b"question\n") == b"x" * 200_000


async def test_an_endless_answer_and_an_endless_wait_are_ended() -> None:
    async with server(b"x" * 5000) as path:
        with pytest.raises(NetworkFailure, match="more than 4999 bytes"):
            await UnixSockets().ask(path, b"question\n", limit=4999)
    async with server(b"", then_waits=True) as path:
        with pytest.raises(NetworkFailure, match=r"within 0\.2 seconds"):
            await UnixSockets().ask(path, b"question\n", timeout=0.2)


async def test_a_socket_that_is_not_there_is_unreachable(tmp_path: Path) -> None:
    with pytest.raises(NetworkFailure, match="No such file") as told:
        await UnixSockets().ask(tmp_path / "s", b"question\n")
    assert told.value.code.name == "unreachable"

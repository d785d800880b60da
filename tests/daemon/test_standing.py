"""`evercert run` stands before live TLS servers from its start, although nothing is due."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from evercert.base.names import parse_identifiers
from evercert.config.settings import load_settings
from evercert.daemon.stay import stay
from evercert.engine.wiring import Engine, open_engine
from evercert.model.intent import CertificateIntent, ChallengeRule
from evercert.store import certificates
from tests.fakes.clock import FakeClock
from tests.peers.ports import free_port


@pytest.fixture
async def live() -> AsyncIterator[int]:
    """The port of a server that has been there all along."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"live:" + await reader.readexactly(5))
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


@asynccontextmanager
async def staying(home: Path, told: list[str], *wanted: CertificateIntent) -> AsyncIterator[Engine]:
    """The daemon over a store in which those are wanted and nothing is due for a year; its seconds are no time."""

    def tell(_: str, text: str) -> None:
        told.append(text)

    async with open_engine(load_settings({}, home=str(home)), tell, clock=FakeClock(settle=0.02)) as engine:
        for intent in wanted:
            await declare(engine, intent)
        task = asyncio.create_task(stay(engine))
        yield engine
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def declare(engine: Engine, intent: CertificateIntent) -> None:
    await certificates.declare(engine.db, intent, engine.clock.now())
    for _ in range(2):  # the first only takes note that it was declared
        await certificates.schedule(engine.db, intent.name, engine.clock.now() + timedelta(days=365))


def fronted(name: str, port: int, upstream: int) -> CertificateIntent:
    options = {"upstream": f"127.0.0.1:{upstream}", "port": str(port), "address": "127.0.0.1"}
    rule = ChallengeRule("tls-alpn-01", "front", options)
    return CertificateIntent(name, parse_identifiers((name,)), "https://ca.test/", challenges=(rule,))


async def greet(port: int) -> bytes:
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except ConnectionRefusedError:
        return b""
    writer.write(b"hello")
    answer = await asyncio.wait_for(reader.read(), 5)
    writer.close()
    await writer.wait_closed()
    return answer


async def until(happened: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(20):
        while not await happened():
            await asyncio.sleep(0.01)


async def served(port: int) -> bool:
    return await greet(port) == b"live:hello"


async def test_the_port_is_served_from_the_start_until_the_end_and_no_longer(tmp_path: Path, live: int) -> None:
    told: list[str] = []
    async with staying(tmp_path, told, fronted("a.test", port := free_port(), live)):
        await until(lambda: served(port))
        assert told == []
    assert await greet(port) == b""


async def test_one_that_another_process_asks_for_is_found(tmp_path: Path, live: int) -> None:
    async with staying(tmp_path, []) as engine:
        await declare(engine, fronted("late.test", port := free_port(), live))
        await until(lambda: served(port))


async def test_a_port_that_is_taken_is_told_once_and_had_when_it_is_free(tmp_path: Path, live: int) -> None:
    told: list[str] = []
    other = free_port()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        async with staying(tmp_path, told, fronted("a.test", port, live), fronted("b.test", other, live)) as engine:
            await until(lambda: served(other))
            looks = engine.clock.now() + timedelta(seconds=60)
            await until(lambda: _reached(engine, looks))
            taken.close()
            await until(lambda: served(port))
    assert len(told) == 1
    assert f"cannot listen on 127.0.0.1:{port}" in told[0]


async def _reached(engine: Engine, moment: object) -> bool:
    return engine.clock.now() >= moment

"""Malformed requests: none is a fault of ours, and afterwards the CA still issues. `make fuzz` sends 100,000."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest

from evercert.base.clock import SystemClock
from evercert.base.message import Request, Response
from evercert.net.serve import HttpServer, Limits
from tests.ca.conformance.fuzz import Fuzz, fuzzed_ca
from tests.ca.given import BASE, World


@dataclass
class Socket:
    """A connection for each request, and the octets of it written by hand: nothing is tidied on the way."""

    port: int
    clock: SystemClock

    async def send(self, request: Request) -> Response:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        fields = {"host": "ca.test", "content-length": str(len(request.body)), "connection": "close", **request.headers}
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        target = request.url.removeprefix(BASE)
        try:
            writer.write(f"{request.method} {target} HTTP/1.1\r\n{head}\r\n".encode() + request.body)
            return self._read(await reader.read())
        except ConnectionError:
            return Response(400, (), b"", self.clock.now())
        finally:
            writer.close()

    def _read(self, octets: bytes) -> Response:
        head, _, body = octets.partition(b"\r\n\r\n")
        first, *fields = head.decode("latin-1").split("\r\n")
        headers = tuple((name.lower(), value.strip()) for name, _, value in (each.partition(":") for each in fields))
        return Response(int((first.split() or ["", "400"])[1]), headers, body, self.clock.now())


@asynccontextmanager
async def served(world: World) -> AsyncIterator[Socket]:
    server = HttpServer(world.node.site, tls=None, limits=Limits(), clock=SystemClock())
    port = await server.start(["127.0.0.1"], 0)
    try:
        yield Socket(port, SystemClock())
    finally:
        await server.close(1.0)


def faults(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [each.getMessage() for each in caplog.records if each.levelno >= logging.ERROR]


@pytest.mark.parametrize("seed", range(3))
async def test_no_malformed_request_is_a_fault_of_ours(
    tmp_path: Path, seed: int, caplog: pytest.LogCaptureFixture
) -> None:
    async with fuzzed_ca(tmp_path / "ca") as (world, ground):
        fuzz = Fuzz(ground, world.transport, Random(seed))
        await fuzz.run(1200)
    assert fuzz.wrong == []
    assert faults(caplog) == []
    assert len(fuzz.counted) > 15  # it came past the first checks
    assert sum(fuzz.counted.values()) == 1200


async def test_no_malformed_request_over_a_socket_is_one_either(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with fuzzed_ca(tmp_path / "ca") as (world, ground), served(world) as socket:
        fuzz = Fuzz(ground, socket, Random(11))
        await fuzz.run(500)
    assert fuzz.wrong == []
    assert faults(caplog) == []

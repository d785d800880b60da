"""The end of a server: nobody new, everybody who asked is answered, and then nobody."""

from __future__ import annotations

import asyncio
import gc
import socket
import struct
from datetime import UTC, datetime

import pytest

from evercert.base.clock import SystemClock
from evercert.base.errors import EvercertError
from evercert.base.names import parse_identifiers
from evercert.base.serving import Answer, Asked
from evercert.net.serve import HttpServer, Limits, TlsIdentity
from evercert.pki.cert import self_signed_server
from tests.fakes.tls_site import anyone, visiting
from tests.net.serve.site import echo, ended, request, serving_site


class Slow:
    """An application that answers when it is told to."""

    def __init__(self) -> None:
        self.asked, self.go_on = asyncio.Event(), asyncio.Event()
        self.was_cancelled = False

    async def __call__(self, asked: Asked) -> Answer:
        self.asked.set()
        try:
            await self.go_on.wait()
        except asyncio.CancelledError:
            self.was_cancelled = True
            raise
        return Answer(200, b"done")


async def test_what_was_asked_is_answered_before_the_end_and_idle_peers_are_let_go() -> None:
    slow = Slow()
    async with serving_site(slow) as site, visiting(site.port) as (idle, _), visiting(site.port) as (reader, writer):
        writer.write(request())
        await slow.asked.wait()
        closing = asyncio.create_task(site.server.close(10))
        assert await idle.read() == b""
        slow.go_on.set()
        answer = await reader.read()
        await closing
    assert b"Connection: close\r\n" in answer
    assert answer.endswith(b"done")


async def test_nobody_is_let_in_while_it_ends() -> None:
    slow = Slow()
    async with serving_site(slow) as site, visiting(site.port) as (_, writer):
        writer.write(request())
        await slow.asked.wait()
        closing = asyncio.create_task(site.server.close(10))
        await asyncio.sleep(0)
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", site.port)
        slow.go_on.set()
        await closing


async def test_what_takes_longer_than_the_grace_is_cancelled() -> None:
    slow = Slow()
    async with serving_site(slow) as site, visiting(site.port) as (reader, writer):
        writer.write(request())
        await slow.asked.wait()
        await site.server.close(0.05)
        assert slow.was_cancelled
        assert site.server.connections == 0
        assert await ended(reader)


async def test_a_peer_that_leaves_does_not_stop_what_it_asked_for() -> None:
    slow = Slow()
    async with serving_site(slow) as site:
        async with visiting(site.port) as (_, writer):
            writer.write(request())
            await slow.asked.wait()
        slow.go_on.set()
        async with asyncio.timeout(5):
            while site.server.connections:
                await asyncio.sleep(0)
    assert site.seen == [("GET", "/", 200, 4)]
    assert not slow.was_cancelled


@pytest.mark.parametrize("over_tls", [False, True])
async def test_a_peer_that_vanishes_before_the_goodbye_troubles_nobody(over_tls: bool) -> None:
    tls = TlsIdentity(*self_signed_server(parse_identifiers(["ca.test"]), datetime.now(UTC))) if over_tls else None
    troubles: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: troubles.append(context))

    async with serving_site(tls=tls) as site:
        peer = await asyncio.to_thread(connected, site.port, over_tls)
        while not site.server.connections:
            await asyncio.sleep(0)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        peer.close()
        await site.server.close(1)  # before the loop could see that it is gone
    gc.collect()
    assert troubles == []


def connected(port: int, over_tls: bool) -> socket.socket:
    plain = socket.create_connection(("127.0.0.1", port))
    return anyone().wrap_socket(plain) if over_tls else plain


async def test_an_application_that_is_cancelled_from_inside_ends_its_connection_alone() -> None:
    async def cancelled(asked: Asked) -> Answer:
        raise asyncio.CancelledError

    async with serving_site(cancelled) as site:
        async with visiting(site.port) as (reader, writer):
            writer.write(request())
            assert await ended(reader)
        assert site.server.connections == 0


async def test_after_close_the_port_is_free_and_close_may_be_called_again() -> None:
    async with serving_site() as site:
        await site.server.close(1)
        await site.server.close(1)
        again = HttpServer(echo, tls=None, limits=Limits(), clock=SystemClock())
        assert await again.start(["127.0.0.1"], site.port) == site.port
        await again.close(1)


async def test_a_port_that_is_taken_is_told() -> None:
    async with serving_site() as site:
        second = HttpServer(echo, tls=None, limits=Limits(), clock=SystemClock())
        with pytest.raises(EvercertError) as raised:
            await second.start(["127.0.0.1"], site.port)
        await second.close(1)
    assert raised.value.code.name == "port"

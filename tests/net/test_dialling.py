"""Which of a server's addresses is taken."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from evercert.net.dialling import dialled
from tests.fakes.peer import Peer


class Resolving(asyncio.SelectorEventLoop):
    """A loop for which every name has those addresses."""

    def __init__(self, *places: tuple[str, int]) -> None:
        super().__init__()
        self._places = places

    async def getaddrinfo(self, *args: Any, **kwargs: Any) -> Any:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", place) for place in self._places]


def dial(*places: tuple[str, int]) -> tuple[str, int]:
    async def work() -> tuple[str, int]:
        with await dialled("a.test", 443, socket.AF_UNSPEC) as connection:
            reached: tuple[str, int] = connection.getpeername()
            return reached

    loop = Resolving(*places)
    try:
        return loop.run_until_complete(work())
    finally:
        loop.close()


def closed_port() -> int:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return int(bound.getsockname()[1])


def test_an_address_that_refuses_costs_nothing_but_itself() -> None:
    with Peer(lambda connection: None) as peer:
        assert dial(("127.0.0.1", closed_port()), ("127.0.0.1", peer.port)) == ("127.0.0.1", peer.port)


def test_an_address_that_says_nothing_is_not_waited_for() -> None:
    with socket.socket() as full, Peer(lambda connection: None) as peer:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        held = [socket.socket() for _ in range(3)]
        for each in held:
            each.setblocking(False)
            each.connect_ex(full.getsockname())
        try:
            assert dial(full.getsockname(), ("127.0.0.1", peer.port)) == ("127.0.0.1", peer.port)
        finally:
            for each in held:
                each.close()


def test_where_all_refuse_the_first_ones_reason_is_told() -> None:
    with pytest.raises(ConnectionRefusedError):
        dial(("127.0.0.1", closed_port()), ("127.0.0.1", closed_port()))

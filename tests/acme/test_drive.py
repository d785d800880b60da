from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from evercert.acme.drive import drive, drive_blocking
from evercert.acme.step import TURN, Flow, SideBySide, Sleep
from evercert.base.errors import EvercertError, NetworkFailure
from evercert.base.message import Request, Response
from tests.fakes.clock import FakeClock
from tests.fakes.transport import BlockingFakeTransport, FakeTransport

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def echo(request: Request) -> Response:
    if "lost" in request.url:
        raise NetworkFailure("unreachable", "gone")
    return Response(200, (), request.url.encode(), NOW)


def said(url: str) -> Flow[bytes]:
    yield Sleep(1.0, f"before {url}")
    try:
        return (yield Request("GET", url)).body
    except NetworkFailure:
        return b"lost"


def turns(count: int = 32) -> asyncio.Semaphore:
    return asyncio.Semaphore(count)


def asked(url: str) -> Flow[bytes]:
    yield TURN
    return (yield Request("GET", url)).body


def each_of(*urls: str) -> Flow[list[bytes]]:
    batch = SideBySide([said(url) for url in urls])
    yield batch
    return batch.results


def failing() -> Flow[bytes]:
    yield Sleep(0.0, "")
    raise EvercertError("internal", "on purpose")


async def test_requests_are_sent_and_sleeps_slept_and_told() -> None:
    clock, waits = FakeClock(), list[tuple[float, str]]()
    assert await drive(said("a"), FakeTransport(echo), clock, lambda *wait: waits.append(wait), turns()) == b"a"
    assert (clock.slept, waits) == ([1.0], [(1.0, "before a")])


async def test_a_failure_is_thrown_into_the_flow() -> None:
    assert await drive(said("lost"), FakeTransport(echo), FakeClock(), lambda *_: None, turns()) == b"lost"


async def test_flows_go_side_by_side_and_their_results_keep_their_order() -> None:
    clock = FakeClock()
    assert await drive(each_of("a", "b", "c"), FakeTransport(echo), clock, lambda *_: None, turns()) == [
        b"a",
        b"b",
        b"c",
    ]
    assert clock.monotonic() == 1.0


class Counting:
    """A transport that knows how many requests were under way at once."""

    def __init__(self) -> None:
        self.now = self.most = 0

    async def send(self, request: Request) -> Response:
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(0)
        self.now -= 1
        return echo(request)


async def test_flows_that_share_turns_send_no_more_at_once() -> None:
    transport, shared = Counting(), turns(3)

    def many() -> Flow[None]:
        yield SideBySide([asked(str(number)) for number in range(20)])

    await asyncio.gather(*(drive(many(), transport, FakeClock(), lambda *_: None, shared) for _ in range(5)))
    assert transport.most == 3
    assert not shared.locked()


async def test_a_turn_is_given_back_for_the_time_of_a_sleep() -> None:
    def sleepy() -> Flow[float]:
        yield TURN
        yield Sleep(1.0, "")
        yield TURN
        return clock.monotonic()

    clock, shared = FakeClock(), turns(1)
    ends = await asyncio.gather(*(drive(sleepy(), Counting(), clock, lambda *_: None, shared) for _ in range(10)))
    assert ends == [1.0] * 10


async def test_one_failure_among_many_is_raised_when_all_are_done() -> None:
    transport = FakeTransport(echo)

    def both() -> Flow[list[bytes]]:
        batch = SideBySide([failing(), said("a")])
        yield batch
        return batch.results

    with pytest.raises(EvercertError, match="on purpose"):
        await drive(both(), transport, FakeClock(), lambda *_: None, turns())
    assert [request.url for request in transport.requests] == ["a"]


async def test_a_cancelled_drive_closes_its_flow() -> None:
    closed = asyncio.Event()

    def patient() -> Flow[None]:
        try:
            yield Request("GET", "x")
        finally:
            closed.set()

    class Never:
        async def send(self, request: Request) -> Response:
            await asyncio.Event().wait()
            raise AssertionError

    task = asyncio.create_task(drive(patient(), Never(), FakeClock(), lambda *_: None, turns()))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert closed.is_set()


def test_the_blocking_driver_does_the_same_one_after_another() -> None:
    clock = FakeClock()
    result = drive_blocking(each_of("a", "lost", "c"), BlockingFakeTransport(echo), clock, lambda *_: None)
    assert result == [b"a", b"lost", b"c"]
    assert clock.slept == [1.0, 1.0, 1.0]


def test_the_blocking_driver_raises_what_the_flow_raises() -> None:
    with pytest.raises(EvercertError, match="on purpose"):
        drive_blocking(failing(), BlockingFakeTransport(echo), FakeClock(), lambda *_: None)

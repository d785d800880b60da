"""A transport whose answers are written by the test: a function from request to response."""

from __future__ import annotations

from collections.abc import Callable

from evercert.base.message import Request, Response

__all__ = ["BlockingFakeTransport", "FakeTransport"]


class FakeTransport:
    """Keeps `base.message.Transport`. *answer* returns the response, or raises `NetworkFailure`."""

    def __init__(self, answer: Callable[[Request], Response]) -> None:
        self._answer = answer
        self.requests: list[Request] = []

    async def send(self, request: Request) -> Response:
        self.requests.append(request)
        return self._answer(request)


class BlockingFakeTransport(FakeTransport):
    """The same as a `BlockingTransport`."""

    def send(self, request: Request) -> Response:  # type: ignore[override]  # the blocking contract
        self.requests.append(request)
        return self._answer(request)

"""A web that is a dictionary from URL to answer: keeps the contract of `base.message.Transport`."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

from evercert.base.errors import NetworkFailure
from evercert.base.message import Request, Response

__all__ = ["FakeWeb", "answer"]

NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)


def answer(status: int = 404, **headers: str) -> Response:
    return Response(status, tuple((name.lower(), value) for name, value in headers.items()), b"", NOW)


@dataclass
class FakeWeb:
    """URLs that start with a key get its response; a string is the code of a failure. Others are unreachable."""

    pages: dict[str, Response | str] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)

    async def send(self, request: Request) -> Response:
        self.requests.append(request)
        found = next((page for url, page in self.pages.items() if request.url.startswith(url)), "unreachable")
        if isinstance(found, str):
            raise NetworkFailure(found, f"{request.url} failed")
        return found

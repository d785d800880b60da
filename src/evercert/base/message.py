"""One HTTP request and its response, as values; and who can carry them.

They stand in this room because the protocol (`acme`) makes requests without knowing sockets,
and the sockets (`net`) carry them without knowing the protocol.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

__all__ = ["BlockingTransport", "Request", "Response", "Transport"]

# Enough for a 100-name order's authorizations or a post-quantum chain with its roots; a peer
# that sends more is cut off before it is read (design law 7).
DEFAULT_MAX_BODY = 1 << 20


@dataclass(frozen=True, slots=True)
class Request:
    """What to send. `max_body` bounds the octets accepted in the answer."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    max_body: int = DEFAULT_MAX_BODY


@dataclass(frozen=True, slots=True)
class Response:
    """What came back: header names in lower case, in order, repeated ones kept apart.

    `received_at` is the local clock's reading, so that a flow can judge dates without a clock.
    """

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    received_at: datetime

    def header(self, name: str) -> str | None:
        """The first header of that lower-case name."""
        for key, value in self.headers:
            if key == name:
                return value
        return None

    def header_list(self, name: str) -> list[str]:
        """Every header of that lower-case name, in order."""
        return [value for key, value in self.headers if key == name]


class Transport(Protocol):
    """Sends one request and returns its response, whatever its status; follows no redirect.

    Bounded in time and size. Raises `NetworkFailure` (codes `unreachable`, `timeout`, `tls`,
    `too-large`) when there is no whole response. Safe to use from many tasks at once.
    """

    async def send(self, request: Request) -> Response: ...


class BlockingTransport(Protocol):
    """`Transport` for code without an event loop."""

    def send(self, request: Request) -> Response: ...

"""One request that came to a server of ours, and its answer, as values; and what answers it.

They stand in this room because rooms that answer (the CA) know no sockets, and the sockets (`net`) know no CA.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

__all__ = ["Answer", "Application", "Asked"]

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """A whole request. Header names are in lower case; `path` is as it was sent (percent-encoding kept, no query).

    `peer` is the address of whoever is connected, `client_certificate` the DER of the certificate that it proved
    to hold, verified by the listener, or empty.
    """

    method: str
    path: str
    query: str = ""
    headers: Headers = ()
    body: bytes = b""
    peer: str = ""
    client_certificate: bytes = b""

    def header(self, name: str) -> str:
        """The first header of that lower-case name, or ""."""
        return next((value for key, value in self.headers if key == name), "")


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back. Content-Length, Date and the connection's own headers are the server's to add."""

    status: int
    body: bytes = b""
    headers: Headers = ()


class Application(Protocol):
    """Answers one request, whatever is in it; never raises. Many run at once on one event loop."""

    async def __call__(self, asked: Asked) -> Answer: ...

"""Where a peer runs and is spoken to: on the machine's shared loopback, or in a namespace of its own."""

from __future__ import annotations

import socket
import ssl
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from tests.peers.program import Program

__all__ = ["Machine", "Place", "fetch"]


class Place(Protocol):
    """Runs programs, with their logs in `folder`, and reaches what listens beside them."""

    folder: Path

    def start(self, argv: Sequence[str | Path], name: str, *, env: Mapping[str, str] | None = None) -> Program: ...

    def accepts(self, port: int, address: str = "127.0.0.1") -> bool:
        """Whether something accepts TCP connections there."""
        ...

    def fetch(self, url: str, body: bytes | None = None, authority: Path | None = None) -> bytes:
        """The body of a 2xx answer to GET, or POST when there is a *body*; *authority* is the only root trusted."""
        ...


class Machine:
    """The shared loopback of this machine: ports come from `free_port`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def start(self, argv: Sequence[str | Path], name: str, *, env: Mapping[str, str] | None = None) -> Program:
        return Program(argv, self.folder / f"{name}.log", env=env)

    def accepts(self, port: int, address: str = "127.0.0.1") -> bool:
        try:
            socket.create_connection((address, port), timeout=1).close()
        except OSError:
            return False
        return True

    def fetch(self, url: str, body: bytes | None = None, authority: Path | None = None) -> bytes:
        return fetch(url, body, authority)


def fetch(url: str, body: bytes | None = None, authority: Path | None = None) -> bytes:
    """`Place.fetch`, from the place where this process is. No proxy of the environment's is asked."""
    handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({})]
    if authority:
        handlers.append(urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=str(authority))))
    with urllib.request.build_opener(*handlers).open(urllib.request.Request(url, data=body), timeout=10) as response:
        return bytes(response.read())

"""Other people's clients: they come again and again, and count every time that they were turned away."""

from __future__ import annotations

import json
import signal
import socket
import ssl
import sys
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from tests.peers.namespaces import Namespace
from tests.peers.program import ROOT, Program, without_trust_overrides

__all__ = ["Visitors"]


@dataclass(frozen=True)
class Visited:
    visits: int
    failures: list[str]
    leaves: int
    """How many different certificates were shown."""


class Visitors:
    """A client inside *namespace* that makes one TLS connection after another and asks for a page by each."""

    def __init__(self, namespace: Namespace, server_name: str, port: int = 443) -> None:
        argv = [sys.executable, "-m", "tests.journeys.visitors", server_name, str(port)]
        env = without_trust_overrides(PYTHONPATH=str(ROOT))
        self._program: Program = namespace.start(argv, f"visitors-{server_name}-{port}", env=env)

    def gone(self) -> Visited:
        """Afterwards they have left; what they saw."""
        self._program.end()
        return Visited(**json.loads(self._program.text().splitlines()[-1]))

    def __enter__(self) -> Self:
        self._program.wait_until(lambda: "first" in self._program.text(), "having been once")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._program.end()


def _visit(server_name: str, port: int) -> bytes:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection(("127.0.0.1", port), timeout=5) as plain,
        context.wrap_socket(plain, server_hostname=server_name) as tls,
    ):
        tls.sendall(f"GET / HTTP/1.0\r\nHost: {server_name}\r\n\r\n".encode())
        if not tls.recv(16).startswith(b"HTTP/1."):
            raise OSError("no answer")
        return tls.getpeercert(binary_form=True) or b""


def _main(server_name: str, port: int) -> None:
    visits, failures, leaves, leaving = 0, list[str](), set[bytes](), list[int]()
    signal.signal(signal.SIGTERM, lambda number, _: leaving.append(number))
    while not leaving:
        visits += 1
        try:
            leaves.add(_visit(server_name, port))
        except OSError as error:
            failures.append(repr(error)[:200])
        if visits == 1:
            print("first", flush=True)
        time.sleep(0.01)  # a hundred a second, so that there is room for the others on the machine
    print(json.dumps({"visits": visits, "failures": failures[:20], "leaves": len(leaves)}))


if __name__ == "__main__":
    _main(sys.argv[1], int(sys.argv[2]))

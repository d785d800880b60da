"""A real HAProxy with a configuration of the test's own, in a folder, on a free port."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self

from tests.peers.place import Machine
from tests.peers.ports import free_port
from tests.peers.program import Program, installed

__all__ = ["HAProxy"]

_MAIN = """
global
    {socket}
defaults
    mode http
    timeout connect 5s
    timeout client 5s
    timeout server 5s
frontend tls
    bind 127.0.0.1:{port} ssl {crt}
    http-request return status 200 content-type text/plain string served
"""


class HAProxy:
    """*crt* is what its bind line says of certificates; `{folder}` in it is its folder."""

    def __init__(self, folder: Path, crt: str, *, socket: bool = True) -> None:
        self.folder = folder
        folder.mkdir()
        self.binary = installed("haproxy", "run `make peers`")
        self.port = free_port()
        self.conf = folder / "haproxy.cfg"
        # In a folder with a short name: a Unix socket's path has at most 107 octets (unix(7)).
        self._short = TemporaryDirectory(prefix="haproxy")
        self.socket = Path(self._short.name, "admin.sock")
        stats = f"stats socket {self.socket} mode 600 level admin" if socket else ""
        self.conf.write_text(_MAIN.format(socket=stats, port=self.port, crt=crt.replace("{folder}", str(folder))))
        self._program: Program | None = None

    def start(self) -> Self:
        place = Machine(self.folder)
        self._program = place.start([self.binary, "-db", "-W", "-f", self.conf, "-p", self.folder / "pid"], "haproxy")
        self._program.wait_until(lambda: place.accepts(self.port), "accepting connections")
        return self

    @property
    def pid(self) -> int:
        assert self._program is not None
        return self._program.pid

    def end(self) -> None:
        if self._program is not None:
            self._program.end()
        self._short.cleanup()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.end()

"""Evercert's own CA as a program of its own, made and served by the commands that its users type."""

from __future__ import annotations

import http.client
import ssl
import subprocess
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Self

from evercert.pki.cert import read_certificate
from evercert.pki.chain import split_pem
from tests.peers.place import Machine, Place
from tests.peers.ports import free_port
from tests.peers.program import ROOT, PeerFailure, Program

__all__ = ["EvercertCa"]

PROGRAM = ROOT / ".venv/bin/evercert"


class EvercertCa:
    """A CA on this machine's loopback, or in another *place*. *settings* are added to the end of its ca.toml."""

    def __init__(
        self, folder: Path, *, place: Place | None = None, host: str = "localhost", settings: str = ""
    ) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"https://{host}:{self.port}"
        self.directory = f"{self.url}/acme/directory"
        self.root_file = folder / "root.pem"
        self._place = place or Machine(folder.parent)
        self._program: Program | None = None
        listen = f"127.0.0.1:{self.port}"
        argv: list[str | Path] = [
            PROGRAM,
            "ca",
            "init",
            "--dir",
            folder,
            "--url",
            self.url,
            "--listen",
            listen,
            "--allow",
            "127.0.0.0/8",
        ]
        made = subprocess.run(argv, capture_output=True, text=True, timeout=60)
        if made.returncode:
            raise PeerFailure(f"evercert ca init: {made.stderr}")
        with (folder / "ca.toml").open("a") as file:
            file.write(settings)

    @property
    def fingerprint(self) -> str:
        return read_certificate(split_pem(self.root_file.read_bytes())[0]).fingerprint

    @property
    def program(self) -> Program:
        assert self._program is not None, "it is not served"
        return self._program

    def start(self, *options: str) -> None:
        """Afterwards it answers."""
        served = self._place.start([PROGRAM, "ca", "serve", "--dir", self.folder, *options], "evercert-ca")
        self._program = served.wait_until(lambda: "serving" in served.text(), "serving", 30)

    def get(self, path: str) -> int:
        """The status of the answer to that GET, over TLS that its root vouches for."""
        context = ssl.create_default_context(cafile=str(self.root_file))
        with closing(http.client.HTTPSConnection("localhost", self.port, context=context, timeout=10)) as connection:
            connection.request("GET", path)
            return connection.getresponse().status

    def stop(self) -> None:
        if self._program is not None:
            self._program.end()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

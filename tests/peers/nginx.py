"""A real nginx with a configuration of the test's own, in a folder, on free ports."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from tests.peers.place import Machine, Place
from tests.peers.ports import free_port
from tests.peers.program import Program, installed

__all__ = ["Nginx"]

_MAIN = """
{user}worker_processes 2;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log info;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {folder}/tmp/body;
    proxy_temp_path {folder}/tmp/proxy;
    fastcgi_temp_path {folder}/tmp/fastcgi;
    uwsgi_temp_path {folder}/tmp/uwsgi;
    scgi_temp_path {folder}/tmp/scgi;
    include {folder}/sites/*;
}}
"""


class Nginx:
    """`sites` are files by name; `{http}` and `{https}` in them are its two ports."""

    def __init__(self, folder: Path, sites: dict[str, str], place: Place | None = None) -> None:
        self.folder = folder
        self.binary = installed("nginx", "run `make peers`")
        self.http, self.https = free_port(), free_port()
        self.conf = folder / "nginx.conf"
        (folder / "sites").mkdir(parents=True)
        (folder / "tmp").mkdir()
        self.conf.write_text(_MAIN.format(folder=folder, user="user root;\n"))
        for name, text in sites.items():
            self.write_site(name, text)
        self._place = place or Machine(folder)
        self._program: Program | None = None

    def write_site(self, name: str, text: str) -> Path:
        path = self.folder / "sites" / name
        path.write_text(text.replace("{http}", str(self.http)).replace("{https}", str(self.https)))
        return path

    def site(self, name: str) -> str:
        return (self.folder / "sites" / name).read_text()

    @property
    def options(self) -> dict[str, str]:
        """What a user would set for the nginx target, to reach this one."""
        return {
            "binary": self.binary,
            "conf": str(self.conf),
            "http_port": str(self.http),
            "https_port": str(self.https),
        }

    def start(self) -> Self:
        # -e: the log that it opens before it has read its configuration.
        argv: list[str | Path] = [self.binary, "-e", self.folder / "error.log", "-c", self.conf]
        self._program = self._place.start(argv, "nginx")
        pid_file = self.folder / "nginx.pid"
        self._program.wait_until(lambda: pid_file.exists() and pid_file.read_text().strip() != "", "running")
        return self

    @property
    def pid(self) -> int:
        assert self._program is not None
        return self._program.pid

    def end(self) -> None:
        if self._program is not None:
            self._program.end()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.end()

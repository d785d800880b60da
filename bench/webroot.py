"""A web server over a folder, for clients that put challenge files there: nginx, because it costs next to nothing."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from tests.peers.place import Machine
from tests.peers.program import Program, installed

__all__ = ["serve_folder"]

_CONFIG = """
daemon off; master_process off; pid {place}/nginx.pid; error_log {place}/nginx.error;
events {{ worker_connections 1024; }}
http {{
    access_log off; client_body_temp_path {place}/body; proxy_temp_path {place}/proxy;
    fastcgi_temp_path {place}/fastcgi; uwsgi_temp_path {place}/uwsgi; scgi_temp_path {place}/scgi;
    server {{ listen 127.0.0.1:{port}; root {root}; }}
}}
"""


def serve_folder(root: Path, place: Path, port: int) -> Program:
    """nginx that serves *root* on that loopback port; the caller ends it."""
    root.mkdir(exist_ok=True)
    file = place / "nginx.conf"
    file.write_text(_CONFIG.format(place=place, port=port, root=root))
    machine = Machine(place)
    argv = [installed("nginx", "run `make peers`"), "-p", str(place), "-e", str(place / "nginx.error"), "-c", str(file)]
    return machine.start(argv, "nginx").wait_until(partial(machine.accepts, port), "listening")

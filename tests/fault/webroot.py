"""A user's web server that serves files: Python's own, on a port that is given."""

from __future__ import annotations

import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Self

__all__ = ["Webroot"]


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


class Webroot:
    """Serves `root` until the `with` is left."""

    def __init__(self, root: Path, port: int) -> None:
        root.mkdir()
        self.root = root
        self._server = ThreadingHTTPServer(("127.0.0.1", port), partial(_Quiet, directory=str(root)))
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def files(self) -> list[str]:
        """What stands there now, folders too."""
        return sorted(str(path.relative_to(self.root)) for path in self.root.rglob("*"))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

"""PostgreSQL from the distribution: a cluster of a test's own, reached through a socket in its own folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.peers.program import PeerFailure, Program, installed

__all__ = ["Postgres"]

_PATIENCE = 60


class Postgres:
    """Runs until the `with` is left. It refuses to run as root, so it runs as its package's own user."""

    def __init__(self) -> None:
        self._bin = _newest()
        self._folder = Path(tempfile.mkdtemp(prefix="evercert-postgres-"))
        shutil.chown(self._folder, "postgres")
        data = self._folder / "data"
        init = [*_as_postgres(), str(self._bin / "initdb"), "-A", "trust", "-D", str(data), "--no-sync"]
        subprocess.run(init, check=True, capture_output=True, timeout=_PATIENCE, cwd="/")
        server = [str(self._bin / "postgres"), "-D", str(data), "-k", str(self._folder), "-h", ""]
        self._program = Program([*_as_postgres(), *server], self._folder / "log")
        self._program.wait_until(self._answers, "answering on its socket")

    def run(self, sql: str) -> str:
        """What psql prints for the statements; fails at the first that does."""
        done = self._psql(sql)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._program.end()
        shutil.rmtree(self._folder)

    def _answers(self) -> bool:
        return self._psql("SELECT 1").returncode == 0

    def _psql(self, sql: str) -> subprocess.CompletedProcess[str]:
        argv = [str(self._bin / "psql"), "-h", str(self._folder), "-U", "postgres", "-X", "-q", "-At"]
        given = {"input": sql, "capture_output": True, "text": True, "timeout": _PATIENCE}
        return subprocess.run([*argv, "-v", "ON_ERROR_STOP=1", "-f", "-"], check=False, **given)  # type: ignore[call-overload, no-any-return]  # the options are the same for every call


def _as_postgres() -> list[str]:
    # setpriv becomes the program, so that its pid is the server's.
    return [installed("setpriv", "run `make peers`"), "--reuid=postgres", "--regid=postgres", "--init-groups"]


def _newest() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=os.path.getmtime)
    if not found:
        raise PeerFailure("PostgreSQL is not installed; run `make peers`")
    return found[-1].parent

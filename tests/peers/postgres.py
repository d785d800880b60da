"""PostgreSQL from the distribution: a cluster of a test's own, reached through a socket in its own folder."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from evercert.base.secret import Secret
from evercert.db.migrate import Migration
from tests.peers.program import PeerFailure, Program, installed

__all__ = ["Postgres"]

_PATIENCE = 60

# Nothing here outlives its test; a killed process's writes are in the kernel, which is not killed with it.
_HASTE = ("fsync=off", "full_page_writes=off", "autovacuum=off", "max_connections=200", "shared_buffers=32MB")

# What is measured is as durable as an operator's.
_DURABLE = ("max_connections=200", "shared_buffers=512MB", "max_wal_size=4GB")


class Postgres:
    """Runs until the `with` is left. It refuses to run as root, so it runs as its package's own user."""

    def __init__(self, authentication: str = "trust", *, durable: bool = False) -> None:
        self._settings = _DURABLE if durable else _HASTE
        self._bin = _newest()
        self._folder = Path(tempfile.mkdtemp(prefix="evercert-postgres-"))
        shutil.chown(self._folder, "postgres")
        self._count = 0
        self._templates: dict[tuple[Migration, ...], str] = {}
        self._over: list[str] = []
        data = self._folder / "data"
        init = [*_as_postgres(), str(self._bin / "initdb"), "-A", "trust", "-D", str(data), "--no-sync"]
        # Most installations sort text as a language does, so that nothing may rely on another order.
        init += ["--encoding=UTF8", "--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en-US"]
        subprocess.run(init, check=True, capture_output=True, timeout=_PATIENCE, cwd="/")
        # psql is always let in; whoever else comes has to say who he is.
        (data / "pg_hba.conf").write_text(f"local all postgres trust\nlocal all all {authentication}\n")
        self.start()

    def start(self) -> None:
        """Afterwards it runs and answers."""
        options = [word for setting in self._settings for word in ("-c", setting)]
        server = [str(self._bin / "postgres"), "-D", str(self._folder / "data"), "-k", str(self._folder), "-h", ""]
        self._program = Program([*_as_postgres(), *server, *options], self._folder / "log")
        self._program.wait_until(self._answers, "answering on its socket")

    def stop(self) -> None:
        """Afterwards it has ended, as quickly as it does without losing anything."""
        self._program.signal(signal.SIGINT)
        self._program.wait(_PATIENCE)

    def follow(self) -> None:
        """From its next start on it is a standby, of a primary that has nothing to say."""
        (self._folder / "data/standby.signal").touch()

    def run(self, sql: str, database: str = "postgres") -> str:
        """What psql prints for the statements; fails at the first that does."""
        done = self._psql(sql, database)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def fresh(self, migrations: Sequence[Migration] = ()) -> Secret:
        """The URL of a new database of the caller's own, with those migrations in it."""
        return self.url(self.fresh_name(migrations))

    @contextmanager
    def lending(self) -> Iterator[Callable[[Sequence[Migration]], Secret]]:
        """Gives `fresh`, whose databases nobody wants after the `with`: hundreds of them take minutes to be removed
        together, on a disk that has other work."""
        first = self._count + 1
        yield self.fresh
        lent = {f"test_{number}" for number in range(first, self._count + 1)}
        self._over += sorted(lent - {*self._templates.values()})

    def fresh_name(self, migrations: Sequence[Migration] = ()) -> str:
        """The name of such a database. The first of its kind is made by psql, and the others are copies."""
        name, template = self._next_name(), self._template(tuple(migrations))
        over = [f"DROP DATABASE IF EXISTS {each} WITH (FORCE);" for each in self._over]
        self._over.clear()
        self.run("\n".join((*over, f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")))
        return name

    def url(self, database: str, user: str = "postgres") -> Secret:
        """Where that database is, for *user* (with a password after a colon)."""
        return Secret(f"postgresql://{user}@/{database}?host={self._folder}")

    def _template(self, migrations: tuple[Migration, ...]) -> str:
        if not migrations:
            return "template0"
        if migrations not in self._templates:
            name = self._templates[migrations] = self._next_name()
            self.run(f"CREATE DATABASE {name} TEMPLATE template0 STRATEGY FILE_COPY")
            for migration in migrations:
                self.run(migration.postgres or migration.sql, name)
            self.run("CREATE TABLE migrations (number INTEGER PRIMARY KEY, name TEXT NOT NULL)", name)
            for migration in migrations:
                self.run(f"INSERT INTO migrations VALUES ({migration.number}, '{migration.name}')", name)
        return self._templates[migrations]

    def _next_name(self) -> str:
        self._count += 1
        return f"test_{self._count}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Asked like that, it waits for nobody's session; what it still writes must not meet the removal.
        self._program.signal(signal.SIGINT)
        self._program.end(_PATIENCE)
        shutil.rmtree(self._folder)

    def _answers(self) -> bool:
        return self._psql("SELECT 1", "postgres").returncode == 0

    def _psql(self, sql: str, database: str) -> subprocess.CompletedProcess[str]:
        argv = [str(self._bin / "psql"), "-h", str(self._folder), "-U", "postgres", "-d", database, "-X", "-q", "-At"]
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

"""SQLite connections, opened alike: the pragmas and limits that everything else relies on."""

from __future__ import annotations

import hashlib
import os
import random
import stat
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, TypeVar

import apsw

from evercert.base.clock import SystemClock
from evercert.base.errors import EvercertError
from evercert.db.migrate import Migration, strangers
from evercert.db.protocol import Row, Statement

__all__ = ["Connection", "create_file"]

T = TypeVar("T")

# SQLite's own busy handler is unfair: with four writers, one waited for two seconds. Trying
# again after a random moment of at most this many seconds kept the longest wait at 0.35 s.
_MOMENT = 0.005
# A dead process holds no lock, so waiting longer than this means that another one is at work.
_PATIENCE = 30.0

# Other processes' locks are waited for in real time, whatever time the rest of the program is given.
_CLOCK: Final = SystemClock()

# The columns of the record of migrations; a table of that name that has others is somebody else's.
_RECORD: Final = {"number", "name"}

# A write-ahead log is cut back to this after a burst, so that it does not stay as large as the burst.
_LOG_LIMIT = 64 << 20


def create_file(path: Path) -> None:
    """Afterwards *path* exists and only its owner can read it, as SQLite's files beside it then are too.

    Trust: whoever can write it decides which certificates are wanted and where they are installed;
    its private keys are sealed. An existing file is never opened here: closing it would drop
    the locks that SQLite holds on it in this process.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        if path.is_file() and stat.S_IMODE(path.stat().st_mode) & 0o077:
            path.chmod(0o600)
        return
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


class Connection:
    """One SQLite connection, used by one thread at a time."""

    def __init__(self, path: Path, *, writes: bool, patience: float = _PATIENCE) -> None:
        self._path = path
        self._patience = patience
        self._raw = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
        self._raw.create_scalar_function("sha256_hex", _sha256_hex, 1, deterministic=True)
        self._raw.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)
        # One plan per statement: otherwise each binding of a value has a join compiled again (58 us, not 4).
        self._raw.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
        self._insistently(lambda: self._prepare(writes))

    def run(self, statement: Statement) -> list[Row]:
        """What it returned; raises `conflict` if that is not what it expects."""
        before = self._raw.total_changes() if statement.expect is not None else 0
        rows: list[Row] = self._raw.execute(statement.query.sql, statement.params).fetchall()
        if statement.expect is not None and self._touched(rows, before) != statement.expect:
            raise EvercertError("conflict", f"{statement.query.name}: somebody else was first")
        return rows

    def snapshot(self, statements: Sequence[Statement]) -> list[list[Row]]:
        """What each returns, all of them from one moment."""
        if len(statements) == 1:
            return [self.run(statements[0])]
        self.begin_reading()
        try:
            return [self.run(statement) for statement in statements]
        finally:
            self.roll_back()

    def begin_reading(self) -> None:
        """Afterwards what is read is of one moment, until `roll_back`."""
        self._execute("BEGIN")

    def begin(self) -> None:
        """Afterwards this connection has the write lock and a transaction is open."""
        self._insistently(self.begin_at_once)

    def begin_at_once(self) -> None:
        """`begin`, unless another process has the lock: then raises what `failures.is_busy` knows."""
        self._execute("BEGIN IMMEDIATE")

    def savepoint(self) -> None:
        self._execute("SAVEPOINT attempt")

    def release(self) -> None:
        self._execute("RELEASE attempt")

    def undo(self) -> None:
        """Afterwards nothing is left of what was done since `savepoint`."""
        self._execute("ROLLBACK TO attempt; RELEASE attempt")

    def commit(self) -> None:
        self._execute("COMMIT")

    def roll_back(self) -> None:
        """Afterwards no transaction is open, whether or not SQLite had given it up by itself."""
        if self._raw.in_transaction:
            self._execute("ROLLBACK")

    @property
    def in_transaction(self) -> bool:
        return self._raw.in_transaction

    @property
    def place(self) -> str:
        return str(self._path)

    def applied(self) -> list[str]:
        return self._insistently(self._applied)

    def apply(self, migration: Migration) -> None:
        self._execute("CREATE TABLE IF NOT EXISTS migrations (number INTEGER PRIMARY KEY, name TEXT NOT NULL)")
        self._execute(migration.sql)
        self._raw.execute("INSERT INTO migrations (number, name) VALUES (?, ?)", (migration.number, migration.name))

    def close(self) -> None:
        self._raw.close()

    def _prepare(self, writes: bool) -> None:
        self._execute("PRAGMA foreign_keys = ON")
        self._execute("PRAGMA trusted_schema = OFF")
        if writes:
            # Of effect in a new file alone: what retention frees can be given back to the file system.
            self._execute("PRAGMA auto_vacuum = INCREMENTAL")
            self._execute("PRAGMA journal_mode = WAL")
            self._execute("PRAGMA synchronous = FULL")
            self._execute(f"PRAGMA journal_size_limit = {_LOG_LIMIT}")
        else:
            # Readers wait only while a crashed writer's log is recovered.
            self._raw.set_busy_timeout(round(self._patience * 1000))
            self._execute("PRAGMA query_only = ON")

    def _applied(self) -> list[str]:
        if not self._raw.execute("SELECT 1 FROM sqlite_schema").fetchall():
            return []
        if {name for (name,) in self._raw.execute("SELECT name FROM pragma_table_info('migrations')")} != _RECORD:
            raise strangers(self.place)
        return [str(name) for (name,) in self._raw.execute("SELECT name FROM migrations ORDER BY number")]

    def _execute(self, sql: str) -> None:
        self._raw.execute(sql).fetchall()

    def _touched(self, rows: list[Row], before: int) -> int:
        # After a SELECT, changes() still counts what the statement before it changed.
        return len(rows) or (self._raw.changes() if self._raw.total_changes() > before else 0)

    def _insistently(self, attempt: Callable[[], T]) -> T:
        """What *attempt* returns, tried for as long as only another process's lock is in the way."""
        deadline = _CLOCK.monotonic() + self._patience
        while True:
            try:
                return attempt()
            except apsw.BusyError:
                if _CLOCK.monotonic() > deadline:
                    raise
                _CLOCK.sleep_blocking(random.uniform(0, _MOMENT))  # noqa: S311 (no secret depends on it)


def _sha256_hex(*text: apsw.SQLiteValue) -> str:
    return hashlib.sha256(str(text[0]).encode()).hexdigest()

"""One session with PostgreSQL: the only file that speaks to asyncpg."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from evercert.base.errors import EvercertError
from evercert.base.secret import Secret
from evercert.db.pg.failures import is_guard, is_outdated, number_of_guard
from evercert.db.pg.joined import Joined
from evercert.db.pg.numbered import numbered, values_of
from evercert.db.protocol import Row, Statement, Value

if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["Server", "Session", "connect"]

# How much longer than the server's own time limit an answer may take until the network is given up.
_GRACE = 5.0
# Whatever takes longer than this is no statement but a whole migration.
_DAY = 86_400.0


# What is not quite a URL may have a password where nobody looks for one, so no part of such a thing is used or shown.
_HOST = r"(?:\[[0-9A-Fa-f:.%]+\]|[\w.%-]*)(?::\d+)?"
_URL = re.compile(
    rf"postgres(?:ql)?://(?:[^@/?\#\s]*@)?(?P<hosts>{_HOST}(?:,{_HOST})*)(?P<path>/[\w.%-]*)?(?:\?[^\#\s]*)?", re.ASCII
)


@dataclass(frozen=True, slots=True)
class Server:
    """Where the database is, and how long it may take. `place` is its address without user, password and options."""

    url: Secret
    place: str
    statement_seconds: float
    connect_seconds: float

    @classmethod
    def at(cls, url: Secret, *, statement_seconds: float = 30.0, connect_seconds: float = 10.0) -> Server:
        """Raises `bad-input` for what is no URL of PostgreSQL's."""
        found = _URL.fullmatch(url.text())
        if found is None:
            raise EvercertError(
                "bad-input",
                "the database's URL cannot be understood",
                hint="write postgresql://USER@HOST/DATABASE, and every special character of a password as %XX",
            )
        place = f"{found['hosts'] or 'local'}{found['path'] or ''}"
        return cls(url, place, statement_seconds, connect_seconds)


class Session:
    """Used by one task at a time. Its statements are prepared once, by their words."""

    def __init__(self, raw: Any) -> None:
        self._raw = raw
        self._prepared: dict[str, Any] = {}

    @property
    def is_open(self) -> bool:
        return not self._raw.is_closed()

    @property
    def is_reusable(self) -> bool:
        """Whether the next task may have it."""
        return self.is_open and not self._raw.is_in_transaction()

    async def run(self, statement: Statement) -> list[Row]:
        """What it returned; raises `conflict` if that is not what it expects."""
        query = numbered(statement.query)
        rows, status = await self._fetch(query.sql, values_of(statement, query.names))
        if statement.expect is not None and _touched(status) != statement.expect:
            raise _too_late(statement)
        return rows

    async def run_guarded(self, statement: Statement) -> list[Row]:
        """The same of a change that no transaction is around: if it raises `conflict`, nothing was changed."""
        query = numbered(statement.query)
        try:
            rows, _ = await self._fetch(query.guarded, [*values_of(statement, query.names), statement.expect])
        except Exception as error:
            raise (_too_late(statement) if is_guard(error) else error) from None
        if len(rows) != statement.expect:
            raise _too_late(statement)
        return rows if query.returns else []

    async def run_joined(self, joined: Joined, statements: Sequence[Statement]) -> list[list[Row]]:
        """What each of *statements* returned, which are *joined*; if it raises `conflict`, nothing was changed."""
        try:
            [row], _ = await self._fetch(joined.sql, joined.values)
        except Exception as error:
            if is_guard(error):
                raise _too_late(statements[number_of_guard(error)]) from None
            raise
        return joined.rows(row)

    async def execute(self, sql: str, *, patiently: bool = False) -> None:
        """Run *sql*, several statements of ours if need be; *patiently*: however long it takes."""
        await self._raw.execute(sql, timeout=_DAY if patiently else None)

    async def _fetch(self, sql: str, values: Sequence[Value]) -> tuple[list[Row], str]:
        """What it returned, and its command tag."""
        prepared = self._prepared.get(sql)
        if prepared is None:
            prepared = self._prepared[sql] = await self._raw.prepare(sql)
        try:
            rows = await prepared.fetch(*values)
        except Exception as error:
            if is_outdated(error):
                self._prepared.clear()
            raise
        return [tuple(row) for row in rows], prepared.get_statusmsg()

    async def roll_back(self) -> None:
        """Afterwards no transaction is open, or the session is over."""
        if not self._raw.is_in_transaction():
            return
        try:
            await self._raw.execute("ROLLBACK")
        except Exception:
            self.terminate()

    def when_ended(self, call: Callable[[], None]) -> None:
        self._raw.add_termination_listener(lambda _: call())

    async def listen(self, channel: str, call: Callable[[str], None]) -> None:
        await self._raw.add_listener(channel, lambda _connection, _pid, heard, _payload: call(heard))

    async def close(self) -> None:
        with suppress(Exception):
            await self._raw.close(timeout=_GRACE)

    def terminate(self) -> None:
        """Let it go at once; the server undoes what was not committed."""
        self._raw.terminate()


def _too_late(statement: Statement) -> EvercertError:
    return EvercertError("conflict", f"{statement.query.name}: somebody else was first")


def _touched(status: str) -> int:
    """How many rows a statement changed or returned, from its command tag ("INSERT 0 1", "UPDATE 3", "SELECT 7")."""
    count = status.rpartition(" ")[2]
    return int(count) if count.isdecimal() else 0


_SETTINGS: Final = {
    "application_name": "evercert",
    "synchronous_commit": "on",
    "default_transaction_isolation": "read committed",
    # Compiling a plan to machine code costs more than any of our statements takes.
    "jit": "off",
    # The server asks after a client that has been silent for a minute: a path that forgets silent connections does not
    # forget ours, and locks of a node that is gone are not held for hours. Ignored on a socket of this machine.
    "tcp_keepalives_idle": "60",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
}
_READING: Final = {"default_transaction_isolation": "repeatable read", "default_transaction_read_only": "on"}


async def connect(server: Server, *, reads: bool = False) -> Session:
    """A new session; *reads*: one that cannot write, and whose transactions see one moment. Raises what the driver
    raises, and `store` where the driver is not installed."""
    asyncpg = _driver()
    milliseconds = str(round(server.statement_seconds * 1000))
    settings = _SETTINGS | (_READING if reads else {})
    limits = {"statement_timeout": milliseconds, "idle_in_transaction_session_timeout": milliseconds}
    raw = await asyncpg.connect(
        server.url.text(),
        timeout=server.connect_seconds,
        command_timeout=server.statement_seconds + _GRACE,
        target_session_attrs="primary",
        server_settings=settings | limits,
    )
    return Session(raw)


def _driver() -> ModuleType:
    try:
        import asyncpg  # type: ignore[import-untyped]  # it has none
    except ImportError:
        raise EvercertError(
            "store", "the driver for PostgreSQL is not installed", hint="install it: pip install 'evercert[postgres]'"
        ) from None
    module: ModuleType = asyncpg
    return module

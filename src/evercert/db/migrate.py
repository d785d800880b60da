"""Bringing a database up to date, one numbered step at a time.

Rules of this file:

* A migration and the record of it are one transaction; a process that dies leaves a whole version.
* Two processes that start at once do it once: the version is read again under the write lock.
* A database that is newer than this program is left alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import LiteralString, Protocol

from evercert.base.errors import EvercertError

__all__ = ["Migrating", "Migration", "migrate"]


@dataclass(frozen=True, slots=True)
class Migration:
    """One step from a version of the schema to the next, and its twin where PostgreSQL needs other words; numbers run
    from 1 without a gap."""

    number: int
    name: str
    sql: LiteralString
    postgres: LiteralString = ""


class Migrating(Protocol):
    """A connection, as migrations need it. Its transaction is begun and ended by `migrate`."""

    def version(self) -> int:
        """The number of the last migration; 0 for an empty database. Raises `store` for a stranger's."""
        ...

    def begin(self) -> None: ...

    def apply(self, migration: Migration) -> None:
        """Run its SQL and record it, in the open transaction."""
        ...

    def commit(self) -> None: ...

    def roll_back(self) -> None: ...


def migrate(connection: Migrating, migrations: Sequence[Migration]) -> None:
    """Afterwards every migration is recorded as applied. Raises `store` for a newer database."""
    latest = len(migrations)
    while (version := connection.version()) < latest:
        connection.begin()
        try:
            version = connection.version()
            if version < latest:
                connection.apply(migrations[version])
            connection.commit()
        except BaseException:
            connection.roll_back()
            raise
    if version > latest:
        raise EvercertError(
            "store",
            f"the store is of version {version}, and this Evercert knows only {latest}",
            hint="a newer Evercert has used it: run that one, or restore a backup of before",
        )

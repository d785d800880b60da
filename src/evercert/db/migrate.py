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

__all__ = ["Migrating", "Migration", "following", "migrate", "strangers"]


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

    @property
    def place(self) -> str:
        """Where the database is, as people are told."""
        ...

    def applied(self) -> list[str]:
        """The names of the migrations that were applied, in order; none for an empty database. Raises `store` for a
        stranger's."""
        ...

    def begin(self) -> None: ...

    def apply(self, migration: Migration) -> None:
        """Run its SQL and record it, in the open transaction."""
        ...

    def commit(self) -> None: ...

    def roll_back(self) -> None: ...


def migrate(connection: Migrating, migrations: Sequence[Migration]) -> None:
    """Afterwards every migration is recorded as applied. Raises `store` for a newer database."""
    place = connection.place
    while following(connection.applied(), migrations, place) is not None:
        connection.begin()
        try:
            step = following(connection.applied(), migrations, place)
            if step is not None:
                connection.apply(step)
            connection.commit()
        except BaseException:
            connection.roll_back()
            raise


def following(applied: Sequence[str], migrations: Sequence[Migration], place: str) -> Migration | None:
    """The step after those that were *applied*; None if that is the last. Raises `store` for a newer database, and for
    one whose steps were not ours."""
    if any(name != ours.name for name, ours in zip(applied, migrations, strict=False)):
        raise strangers(place)
    if len(applied) > len(migrations):
        raise EvercertError(
            "store",
            f"the store is of version {len(applied)}, and this Evercert knows only {len(migrations)}",
            hint="a newer Evercert has used it: run that one, or restore a backup of before",
        )
    return migrations[len(applied)] if len(applied) < len(migrations) else None


def strangers(place: str) -> EvercertError:
    """What to say of a database that somebody else has made."""
    hint = "name another database, or another folder with EVERCERT_HOME"
    return EvercertError("store", f"{place} belongs to another program", hint=hint)

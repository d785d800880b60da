"""Bringing a PostgreSQL database up to date by the rules of `db/migrate.py`, one process at a time (advisory lock)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from evercert.base.errors import EvercertError
from evercert.db.migrate import Migration, following, strangers
from evercert.db.pg.session import Session
from evercert.db.protocol import Query

__all__ = ["bring_up_to_date"]

# Any number does, as long as nobody else takes it in the same database: "evercert" in ASCII.
_LOCK: Final = int.from_bytes(b"evercert")

_FOUND: Final = Query(
    "found",
    # What an extension brought (a view of statistics, say) belongs to no program.
    """
    SELECT
        current_setting('server_encoding'),
        current_schema(),
        (
            SELECT count(*) FROM pg_attribute AS a
            WHERE
                a.attrelid = to_regclass(quote_ident(current_schema()) || '.migrations')
                AND a.attname IN ('number', 'name')
        ) = 2,
        EXISTS (
            SELECT 1 FROM pg_class AS c
            WHERE
                c.relnamespace = current_schema()::regnamespace
                AND NOT EXISTS (SELECT 1 FROM pg_depend AS d WHERE d.objid = c.oid AND d.deptype = 'e')
        )
    """,
)
_APPLIED: Final = Query("applied migrations", "SELECT number, name FROM migrations ORDER BY number")
_RECORD: Final = Query("record migration", "INSERT INTO migrations (number, name) VALUES (:number, :name)")
_TABLE: Final = "CREATE TABLE IF NOT EXISTS migrations (number INTEGER PRIMARY KEY, name TEXT NOT NULL)"


async def bring_up_to_date(session: Session, migrations: Sequence[Migration], place: str, patience: float) -> None:
    """Afterwards every migration is recorded as applied.

    *patience* is how many seconds another process that does the same is waited for. Raises `store`
    for a newer database and a stranger's, and what the driver raises.
    """
    while following(await _applied(session, place), migrations, place) is not None:
        try:
            await _take_lock(session, patience)
            # Somebody else may have been first.
            step = following(await _applied(session, place), migrations, place)
            if step is not None:
                await _apply(session, step)
            await session.execute("COMMIT", patiently=True)
        except BaseException:
            await session.roll_back()
            raise


async def _take_lock(session: Session, patience: float) -> None:
    milliseconds = round(patience * 1000)
    await session.execute(
        f"BEGIN; SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = {milliseconds};"
        f"SELECT pg_advisory_xact_lock({_LOCK}); SET LOCAL lock_timeout = 0",
        patiently=True,
    )


async def _apply(session: Session, migration: Migration) -> None:
    await session.execute(_TABLE)
    await session.execute(migration.postgres or migration.sql, patiently=True)
    await session.run(_RECORD(number=migration.number, name=migration.name))


async def _applied(session: Session, place: str) -> list[str]:
    """The names of the migrations that were applied, in order."""
    ((encoding, schema, is_ours, has_tables),) = await session.run(_FOUND())
    if encoding != "UTF8":
        hint = "create it with createdb --encoding=UTF8 --template=template0"
        raise EvercertError("store", f"{place} keeps text as {encoding}", hint=hint)
    if schema is None:
        raise EvercertError("store", f"{place} has no schema for us", hint="create one, and name it in search_path")
    if is_ours:
        return [name for _, name in await session.run(_APPLIED())]
    if has_tables:
        raise strangers(place)
    return []

"""The same SQL on PostgreSQL: its schema is made, and it understands every query that the store has."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from evercert.store.schema import MIGRATIONS
from evercert.store.sql import FOLDER, load_queries
from tests.peers.postgres import Postgres
from tests.store.test_queries import NOUNS

_PARAMETER = re.compile(r"(?<![:\w]):([a-z_]+)")


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with Postgres() as running:
        for migration in MIGRATIONS:
            running.run(migration.postgres or migration.sql)
        yield running


@pytest.mark.parametrize("noun", NOUNS)
def test_postgresql_understands_every_query(postgres: Postgres, noun: str) -> None:
    for number, query in enumerate(load_queries(noun).values()):
        postgres.run(f"PREPARE {noun}_{number} AS {_numbered(query.postgres or query.sql)};")


def test_an_event_is_never_changed_or_taken_out_on_postgresql_either(postgres: Postgres) -> None:
    postgres.run("INSERT INTO events (at, kind, certificate, body, hash) VALUES (1, 'deployed', '', '{}', '')")
    for change in ("UPDATE events SET body = 'other'", "DELETE FROM events"):
        with pytest.raises(AssertionError, match="an event"):
            postgres.run(change)


def _numbered(sql: str) -> str:
    """Parameters by number, as PostgreSQL has them, in the order in which their names first come."""
    names = list(dict.fromkeys(_PARAMETER.findall(sql)))
    return _PARAMETER.sub(lambda found: f"${names.index(found[1]) + 1}", sql)


def test_both_databases_have_the_same_tables_and_columns(postgres: Postgres) -> None:
    listed = postgres.run(
        "SELECT table_name || '.' || column_name FROM information_schema.columns WHERE table_schema = 'public'"
    )
    assert set(listed.split()) == _sqlite_columns()


def test_both_databases_hash_an_event_alike(postgres: Postgres) -> None:
    from hashlib import sha256

    assert (
        postgres.run("SELECT sha256_hex('before 17 {\"é\"}')").strip() == sha256('before 17 {"é"}'.encode()).hexdigest()
    )


def _sqlite_columns() -> set[str]:
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(":memory:")) as db:
        for migration in MIGRATIONS:
            db.executescript(migration.sql)
        tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'view')")]
        return {
            f"{table}.{row[1]}"
            for table in tables
            if not table.startswith("sqlite_")
            for row in db.execute(f"PRAGMA table_info({table})")
        }


def test_every_twin_has_its_original(tmp_path: Path) -> None:
    twins = [file.name for file in (FOLDER / "migrations").glob("*.postgres.sql")]
    originals = {file.name for file in (FOLDER / "migrations").glob("*.sql")}
    assert all(name.replace(".postgres.sql", ".sql") in originals for name in twins)

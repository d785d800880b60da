"""The same SQL on PostgreSQL: its schema is made, and it understands every query that the store has."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from evercert.db.pg.numbered import numbered
from evercert.store.schema import MIGRATIONS
from evercert.store.sql import FOLDER, load_queries
from tests.peers.postgres import Postgres
from tests.store.test_queries import NOUNS


@pytest.fixture
def run(postgres: Postgres) -> Callable[[str], str]:
    """psql on a store of this test's own."""
    return partial(postgres.run, database=postgres.fresh_name(MIGRATIONS))


@pytest.mark.parametrize("noun", NOUNS)
def test_postgresql_understands_every_query(run: Callable[[str], str], noun: str) -> None:
    for number, query in enumerate(load_queries(noun).values()):
        run(f"PREPARE {noun}_{number} AS {numbered(query).sql};")


def test_an_event_is_never_changed_or_taken_out_on_postgresql_either(run: Callable[[str], str]) -> None:
    run("INSERT INTO events (at, kind, certificate, body, hash) VALUES (1, 'deployed', '', '{}', '')")
    for change in ("UPDATE events SET body = 'other'", "DELETE FROM events"):
        with pytest.raises(AssertionError, match="an event"):
            run(change)


def test_both_databases_have_the_same_tables_and_columns(run: Callable[[str], str]) -> None:
    listed = run(
        "SELECT table_name || '.' || column_name FROM information_schema.columns WHERE table_schema = 'public'"
        " AND table_name <> 'migrations'"
    )
    # Where several write at once, what happened waits there until it is chained.
    waiting = {f"unchained_events.{column}" for column in ("number", "at", "kind", "certificate", "body")}
    assert set(listed.split()) == _sqlite_columns() | waiting


def test_both_databases_hash_an_event_alike(run: Callable[[str], str]) -> None:
    from hashlib import sha256

    assert run("SELECT sha256_hex('before 17 {\"é\"}')").strip() == sha256('before 17 {"é"}'.encode()).hexdigest()


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


# These read a whole table because that is what they are for, or because it is small.
_SCANS = {
    "all accounts",
    "all incidents",
    "call those that wait for a ca",
    "certificate names",
    "list certificates",
    "outages",
    "ask again at once",
    "override reserved",
    "prune chains",
    "prune incidents",
    "prune keys",
    "what was applied",
}


@pytest.mark.parametrize("noun", NOUNS)
def test_postgresql_has_an_index_for_every_query(run: Callable[[str], str], noun: str) -> None:
    for query in load_queries(noun).values():
        compiled = numbered(query)
        values = f"({', '.join(['NULL'] * len(compiled.names))})" if compiled.names else ""
        plan = run(
            "SET enable_seqscan = off; SET plan_cache_mode = force_generic_plan;"
            f"PREPARE this AS {compiled.sql}; EXPLAIN EXECUTE this{values}"
        )
        scans = set(re.findall(r"Seq Scan on (\w+)", plan)) - {"event_anchor"}
        assert not scans or query.name in _SCANS, plan


def test_text_is_compared_byte_by_byte_on_every_server(run: Callable[[str], str]) -> None:
    others = run(
        "SELECT table_name || '.' || column_name FROM information_schema.columns"
        " WHERE table_schema = 'public' AND data_type = 'text' AND collation_name IS DISTINCT FROM 'C'"
        " AND table_name <> 'migrations'"
    )
    assert others.split() == []
    assert run("SELECT 'b' < 'B'").strip() == "t"  # as this server sorts by itself


def test_every_twin_has_its_original(tmp_path: Path) -> None:
    twins = [file.name for file in (FOLDER / "migrations").glob("*.postgres.sql")]
    originals = {file.name for file in (FOLDER / "migrations").glob("*.sql")}
    assert all(name.replace(".postgres.sql", ".sql") in originals for name in twins)

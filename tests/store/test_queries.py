"""The SQL files themselves: named, explained, used, and answered from indexes."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from evercert.db.migrate import Migration
from evercert.db.protocol import Database, Query
from evercert.store.opening import open_store
from evercert.store.schema import MIGRATIONS, load_migrations
from evercert.store.sql import FOLDER, load_queries

NOUNS = sorted(path.stem for path in (FOLDER / "queries").glob("*.sql") if "." not in path.stem)
QUERIES = [query for noun in NOUNS for query in load_queries(noun).values()]
CODE = "".join(path.read_text() for path in sorted(FOLDER.glob("*.py")))


@pytest.mark.parametrize("noun", NOUNS)
def test_every_query_of_a_file_is_named_explained_and_read(noun: str) -> None:
    text = (FOLDER / "queries" / f"{noun}.sql").read_text()
    assert text.count("-- name: ") == text.count(";\n") == len(load_queries(noun))


def test_a_name_means_one_query() -> None:
    names = [query.name for query in QUERIES]
    assert len(names) == len(set(names))


def test_every_query_is_used_and_every_used_one_exists() -> None:
    used = set(re.findall(r'_[A-Z]+\["([a-z ]+)"\]', CODE))
    assert used == {query.name for query in QUERIES}


def test_migrations_run_from_one_without_a_gap() -> None:
    assert [migration.number for migration in MIGRATIONS] == list(range(1, len(MIGRATIONS) + 1))


def test_another_room_brings_a_folder_of_its_own_with_twins_for_postgresql(tmp_path: Path) -> None:
    (tmp_path / "queries").mkdir()
    (tmp_path / "queries/birds.sql").write_text("-- name: a\n-- One.\nSELECT 1;\n\n-- name: b\n-- Two.\nSELECT 2;\n")
    (tmp_path / "queries/birds.postgres.sql").write_text("-- name: b\n-- Two.\nSELECT 3;\n")
    assert load_queries("birds", tmp_path) == {"a": Query("a", "SELECT 1"), "b": Query("b", "SELECT 2", "SELECT 3")}
    (tmp_path / "migrations").mkdir()
    (tmp_path / "migrations/0001_ground.sql").write_text("SELECT 1;")
    (tmp_path / "migrations/0001_ground.postgres.sql").write_text("SELECT 2;")
    (tmp_path / "migrations/0002_more.sql").write_text("SELECT 3;")
    assert load_migrations(tmp_path) == (
        Migration(1, "0001_ground", "SELECT 1;", "SELECT 2;"),
        Migration(2, "0002_more", "SELECT 3;"),
    )


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    """SQLite's plans are asked for here; what PostgreSQL can do with an index is asked in `test_postgres`."""
    async with open_store(tmp_path / "evercert.db") as opened:
        yield opened


async def plan_of(db: Database, query: Query) -> str:
    params = dict.fromkeys(re.findall(r":([a-z_]+)", query.sql), 0)
    rows = await db.rows(Query("plan", "EXPLAIN QUERY PLAN " + query.sql)(**params))  # type: ignore[arg-type]
    return "\n".join(row[3] for row in rows)


@pytest.mark.parametrize("name", ["ranks with due", "claim due", "next action"])
async def test_what_is_due_is_found_by_an_index_and_needs_no_sorting_of_all(db: Database, name: str) -> None:
    query = next(query for query in QUERIES if query.name == name)
    plan = await plan_of(db, query)
    assert "USING COVERING INDEX certificates_due" in plan or "USING INDEX certificates_due" in plan
    assert "SCAN certificates\n" not in plan
    assert not re.search(r"SCAN (c|certificates|i|issued|o|issuances|p|presented|d|deployments|e)\b(?! USING)", plan)


async def test_fronts_are_found_without_a_look_at_the_other_certificates(db: Database) -> None:
    plan = await plan_of(db, next(query for query in QUERIES if query.name == "intents with a front"))
    assert plan == "SCAN certificates USING INDEX certificates_with_a_front"


@pytest.mark.parametrize(
    ("state", "index"),
    [
        ("all", "due"),
        ("due", "due"),
        ("waiting", "due"),
        ("running", "leased"),
        ("held", "held"),
        ("stopped", "stopped"),
        ("failed", "failed"),
    ],
)
async def test_tasks_are_found_without_a_look_at_the_other_certificates(db: Database, state: str, index: str) -> None:
    """A scan of an index that has all that is asked for is no look at them."""
    plan = await plan_of(db, next(query for query in QUERIES if query.name == f"{state} tasks"))
    first, *others = re.findall(r"^ *(?:SCAN|SEARCH) certificates (.+)$", plan, re.MULTILINE)
    assert first.startswith("USING")
    assert f"certificates_{index}" in first
    assert all(re.search("certificates_(stopped|leased)", each) for each in others)


# These read a whole table because that is what they are for, or because it is small.
_SCANS = {
    "all accounts",
    "all incidents",
    "all tasks",
    "due tasks",
    "waiting tasks",
    "failed certificates",
    "failed tasks",
    "held tasks",
    "stopped tasks",
    "any key",
    "call those that wait for a ca",  # when its limits are declared anew
    "certificate names",
    "declared count",
    "declared digests",
    "incomplete certificates",
    "open incidents",
    "outages",  # of CAs, of which there are a few
    "ask again at once",
    "give back",  # of the few buckets of one issuance
    "waiting for a lane",  # of what its index gave
    "ranks with due",  # of ranks, of which there are eight
    "what was applied",
    "known cas",
    "orders at a ca",
    "list certificates",
    "override reserved",  # of accounts, of which there are a few, and of what one issuance has reserved
    "prune chains",
    "prune incidents",
    "event anchor",
    "intents with a front",
    "move event anchor",
    "prune keys",
    "prune issued",
    "newest event",
    "append event",
    "latest events",
    "first event since",
    "events before",
    "all hooks",
}


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.name)
async def test_no_query_scans_a_table_unless_that_is_its_purpose(db: Database, query: Query) -> None:
    plan = await plan_of(db, query)
    scans = re.findall(r"^SCAN (?!last|due|\(subquery|event_anchor|CONSTANT)\S+(?! USING)", plan, re.MULTILINE)
    assert not scans or query.name in _SCANS, plan


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.name)
def test_sql_keeps_to_what_both_databases_know(query: Query) -> None:
    strange = r"\b(ifnull|glob|json_each|json_extract|datetime|strftime|rowid|autoincrement|replace into|or ignore)\b"
    assert query.postgres or not re.search(strange, query.sql, re.IGNORECASE)  # the one with a twin is for SQLite alone
    assert not re.search(r"[?@$]\w", query.sql)


def test_the_time_is_never_asked_of_the_database() -> None:
    text = "".join(path.read_text() for path in Path(FOLDER).rglob("*.sql")).lower()
    assert "current_timestamp" not in text
    assert "now()" not in text

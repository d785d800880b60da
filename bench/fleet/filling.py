"""A store with very many certificates: copies of one that was really obtained, with everything that is kept of each."""

from __future__ import annotations

from evercert.db.protocol import Database, Query

__all__ = ["fill"]

# So many in one statement: PostgreSQL gives up on one that takes longer than half a minute.
_PORTION = 50_000

_NAME = "'n' || n || '.bench.test'"
_KEY = "1000 + base + n"  # beyond the keys that are there
_DIGEST = "sha256_hex('n' || n)"

# Table, its columns with the value that each copy has of its own, and where the model's row is.
_TABLES = (
    ("keys", {"id": _KEY, "fingerprint": _DIGEST}, "m.id = (SELECT max(key_id) FROM issued WHERE id <= base)"),
    (
        "issued",
        {
            "id": "base + n",
            "certificate": _NAME,
            "issuance_id": "NULL",
            "key_id": _KEY,
            "serial": f"substr({_DIGEST}, 1, 32)",
            "fingerprint": _DIGEST,
            "ari_id": f"substr({_DIGEST}, 1, 48)",
        },
        "m.id = (SELECT max(id) FROM issued WHERE id <= base)",
    ),
    ("issued_bodies", {"issued_id": "base + n"}, "m.issued_id = (SELECT max(id) FROM issued WHERE id <= base)"),
    ("renewals", {"issued_id": "base + n"}, "m.issued_id = (SELECT max(id) FROM issued WHERE id <= base)"),
    (
        "deployments",
        {"certificate": _NAME, "issued_id": "base + n"},
        "m.issued_id = (SELECT max(id) FROM issued WHERE id <= base)",
    ),
)
_CERTIFICATE = {
    "name": _NAME,
    "intent": f"replace(m.intent, m.name, {_NAME})",
    "current_id": "base + n",
    "next_action_at": ":due",
    "lease_owner": "NULL",
    "lease_until": "NULL",
}


async def fill(db: Database, count: int, due: int) -> None:
    """Afterwards there are *count* more certificates, due at that moment (microseconds since 1970). Copies of the
    newest one: its key, body, renewal window and deployments."""
    [[(base,)]] = await db.read(Query("newest", "SELECT max(id) FROM issued")())
    [[(model,)]] = await db.read(Query("model", "SELECT certificate FROM issued ORDER BY id DESC LIMIT 1")())
    is_postgres = await _is_postgres(db)
    for first in range(1, count + 1, _PORTION):
        last = min(count, first + _PORTION - 1)
        values = {"base": base, "first": first, "last": last, "due": due, "model": model}
        # What refers to what: first the names, then the rest, then which of them is current.
        statements = [(await _copy(db, "certificates", _CERTIFICATE | {"current_id": "NULL"}, "m.name = :model"))]
        statements += [await _copy(db, table, changes, where) for table, changes, where in _TABLES]
        for statement in statements:
            await db.write(statement(**{name: values[name] for name in _named(statement.sql)}))
        await db.write(_CURRENT(base=base, first=first, last=last))
        if is_postgres:
            # As a server does that has more than minutes for so many: what the next portion needs is there.
            await db.write(Query("vacuum", "VACUUM ANALYZE")())


_CURRENT = Query(
    "current",
    "UPDATE certificates SET current_id = i.id FROM issued AS i "
    "WHERE i.certificate = certificates.name "
    "AND i.id - CAST(:base AS BIGINT) BETWEEN CAST(:first AS BIGINT) AND CAST(:last AS BIGINT)",
)


async def _copy(db: Database, table: str, changes: dict[str, str], where: str) -> Query:
    columns = await _columns(db, table)
    values = [changes.get(column, f"m.{column}") for column in columns]
    sql = (
        "WITH RECURSIVE number (n) AS "
        "(SELECT CAST(:first AS BIGINT) UNION ALL SELECT n + 1 FROM number WHERE n < :last) "
        f"INSERT INTO {table} ({', '.join(columns)}) SELECT {', '.join(values)} "
        f"FROM number, {table} AS m WHERE {where}"
    )
    return Query(f"copy {table}", sql.replace("base + n", "CAST(:base AS BIGINT) + n").replace("<= base", "<= :base"))  # type: ignore[arg-type]


def _named(sql: str) -> list[str]:
    return [name for name in ("base", "first", "last", "due", "model") if f":{name}" in sql]


async def _columns(db: Database, table: str) -> list[str]:
    if await _is_postgres(db):
        query = Query(
            "columns",
            "SELECT column_name FROM information_schema.columns "
            "WHERE table_name = :table AND table_schema = 'public' ORDER BY ordinal_position",
        )
    else:
        query = Query("columns", "SELECT name FROM pragma_table_info(:table)")
    [rows] = await db.read(query(table=table))
    return [column for (column,) in rows]


async def _is_postgres(db: Database) -> bool:
    return type(db).__name__ == "PostgresDatabase"

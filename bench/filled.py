"""Stores and folders with many certificates in them: copies of one that was really obtained."""

from __future__ import annotations

import shutil
from pathlib import Path

import apsw

__all__ = ["copy_lineage", "fill_store"]


def fill_store(database: Path, count: int) -> None:
    """Afterwards the Evercert store there has *count* more certificates, none of them due for a month.

    They have no bodies: neither a list nor the search for what is due reads those.
    """
    store = apsw.Connection(str(database))
    store.execute("PRAGMA synchronous = OFF; PRAGMA foreign_keys = OFF")
    with store:
        (model, intent_name, issued_id), *_ = store.execute("SELECT rowid, name, current_id FROM certificates LIMIT 1")
        (base,) = next(store.execute("SELECT max(id) FROM issued"))
        name = "printf('n%07d.bench.test', n)"
        month = "(strftime('%s', 'now') + 30 * 86400) * 1000000"
        issued = {
            "id": f"{base} + n",
            "certificate": name,
            "fingerprint": "printf('%064x', n)",
            "serial": "printf('%x', n)",
        }
        _copy(store, "issued", f"id = {issued_id}", issued | {"issuance_id": "NULL"}, count)
        own = {
            "name": name,
            "intent": f"replace(m.intent, '{intent_name}', {name})",
            "current_id": f"{base} + n",
            "next_action_at": month,
            "ari_poll_at": month,
        }
        _copy(store, "certificates", f"rowid = {model}", own, count)
    store.close()


def _copy(store: apsw.Connection, table: str, model: str, changes: dict[str, str], count: int) -> None:
    columns = [str(row[1]) for row in store.execute(f"PRAGMA table_info({table})")]
    values = [changes.get(column, f"m.{column}") for column in columns]
    numbers = f"WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < {count})"
    copies = f"SELECT {', '.join(values)} FROM number, {table} AS m WHERE m.{model}"
    store.execute(f"{numbers} INSERT INTO {table} ({', '.join(columns)}) {copies}")


def copy_lineage(config: Path, name: str, count: int) -> None:
    """Afterwards certbot's folder there has *count* more lineages, copies of *name* under other names."""
    renewal = (config / "renewal" / f"{name}.conf").read_text()
    for number in range(count):
        copy = f"n{number:05d}.bench.test"
        (config / "renewal" / f"{copy}.conf").write_text(renewal.replace(name, copy))
        shutil.copytree(config / "archive" / name, config / "archive" / copy)
        live = config / "live" / copy
        live.mkdir()
        for kind in ("cert", "chain", "fullchain", "privkey"):
            (live / f"{kind}.pem").symlink_to(f"../../archive/{copy}/{kind}1.pem")

"""What a forecast of very many certificates costs: as things are, for short lives, and before another CA."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import apsw

from bench.measure import Command, Cost, cost_of
from bench.table import print_table
from evercert.acme.cas import known_ca
from evercert.base.clock import SystemClock, to_epoch
from evercert.base.names import parse_identifiers
from evercert.model.intent import CertificateIntent
from evercert.store.columns import to_text
from evercert.store.opening import open_store
from tests.peers.program import ROOT

__all__ = ["measure_forecast"]

_EVERCERT = str(ROOT / ".venv/bin/evercert")
_LETS_ENCRYPT = known_ca("letsencrypt").directory
_DAY = 86_400_000_000


def measure_forecast(folder: Path, certificates: int, seconds: float) -> None:
    """One in ten was never issued, and each is in a domain of its own; most are renewed as Let's Encrypt suggests."""
    home = folder / "home"
    home.mkdir(mode=0o700)
    asyncio.run(_make(home))
    _fill(home / "evercert.db", certificates)
    env = {**os.environ, "EVERCERT_HOME": str(home)}

    def ask(*words: str) -> Cost:
        command = Command([_EVERCERT, "forecast", *words], env, certificates)
        return cost_of(command, folder / "forecast.log", seconds)

    costs = {
        "as things are": ask(),
        "--life 6d": ask("--life", "6d"),
        "--to google": ask("--to", "google"),
        "--to letsencrypt-staging": ask("--to", "letsencrypt-staging"),
    }
    print_table(f"Forecast of {certificates:,} certificates over 90 days", costs)


async def _make(home: Path) -> None:
    async with open_store(home / "evercert.db"):
        """It has its tables now."""


def _fill(database: Path, count: int) -> None:
    store = apsw.Connection(str(database))
    store.execute("PRAGMA synchronous = OFF; PRAGMA foreign_keys = OFF")
    now = to_epoch(SystemClock().now())
    with store:
        store.execute("INSERT INTO chains (id, fingerprint) VALUES (1, '')")
        store.execute(
            "INSERT INTO accounts (id, ca, name, key_id, url) VALUES (1, ?, 'default', 1, 'u')", (_LETS_ENCRYPT,)
        )
        for number in range(1, count + 1):
            _add(store, number, now, now - number * 7_919 % 60 * _DAY if number % 10 else None)
    store.close()


def _add(store: apsw.Connection, number: int, now: int, issued_at: int | None) -> None:
    """One certificate, which was issued then (microseconds), if it was."""
    name = f"www.n{number:07d}.test"
    intent = to_text(CertificateIntent(name, parse_identifiers((name,)), _LETS_ENCRYPT))
    current = number if issued_at is not None else None
    store.execute(
        "INSERT INTO certificates (name, intent, created_at, next_action_at, current_id) VALUES (?, ?, ?, ?, ?)",
        (name, intent, now, now, current),
    )
    if issued_at is None:
        return
    store.execute(
        "INSERT INTO issuances (id, certificate, account_id, status, csr, created_at, ended_at)"
        " VALUES (?, ?, 1, 'issued', x'00', ?, ?)",
        (number, name, issued_at, issued_at),
    )
    store.execute(
        "INSERT INTO issued (id, certificate, issuance_id, chain_id, serial, not_before, not_after, fingerprint,"
        " issuer, ari_id, issued_at) VALUES (?, ?, ?, 1, ?, ?, ?, ?, 'E7', ?, ?)",
        (
            number,
            name,
            number,
            f"{number:x}",
            issued_at,
            issued_at + 90 * _DAY,
            f"{number:064x}",
            f"a.{number}",
            issued_at,
        ),
    )

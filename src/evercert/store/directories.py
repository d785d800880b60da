"""What each CA's directory said when it was last read, so that a change of its URLs is noticed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

import msgspec

from evercert.base.clock import to_epoch
from evercert.db.protocol import Database
from evercert.store.columns import to_text
from evercert.store.sql import load_queries

__all__ = ["remember", "remembered"]

_SQL: Final = load_queries("directories")


async def remembered(db: Database, ca: str) -> dict[str, str]:
    """The URLs by the names that the directory gives them; empty if it was never read."""
    rows = await db.rows(_SQL["remembered directory"](ca=ca))
    return msgspec.json.decode(rows[0][0], type=dict[str, str]) if rows else {}


async def remember(db: Database, ca: str, urls: Mapping[str, str], now: datetime) -> None:
    """Afterwards `remembered` returns those. Idempotent."""
    await db.write(_SQL["remember directory"](ca=ca, urls=to_text(dict(urls)), seen_at=to_epoch(now)).expecting(1))
